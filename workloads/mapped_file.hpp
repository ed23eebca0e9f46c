#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>

namespace ssmprof::workloads {

/// A regular file, mapped for reading for as long as `owner` lives.
struct MappedFile {
  std::shared_ptr<const void> owner;
  const std::byte* data = nullptr;
  std::size_t size = 0;
};

/// Throws reports::InputError when there is no such regular file or it cannot be read.
MappedFile map_file(const std::filesystem::path& path);

}  // namespace ssmprof::workloads
