#pragma once

#include <filesystem>
#include <ftw.h>
#include <unistd.h>

/// Removes a folder and all in it. LibTorch exports an old std::filesystem::remove_all that crashes
/// when it is picked instead of the standard library's, so tests that link it use this.
inline void remove_folder(const std::filesystem::path& path) {
  const auto remove_one = [](const char* name, const struct stat*, int, struct FTW*) {
    return ::remove(name);
  };
  nftw(path.c_str(), remove_one, 16, FTW_DEPTH | FTW_PHYS);
}
