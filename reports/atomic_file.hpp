#pragma once

#include <filesystem>
#include <string_view>

namespace ssmprof::reports {

/// Throws InputError when write_atomically(path) could not succeed: no such folder, a folder in
/// the file's place, no permission. Neither creates nor changes the target.
void require_writable(const std::filesystem::path& path);

/// Writes the file whole or not at all, also under kill -9: a temporary file in the same folder,
/// fsync, rename. Keeps the permissions of a file that it replaces and follows a symbolic link;
/// a device or pipe is written directly. Throws InputError where the path is at fault and
/// EnvironmentError where the disk is; nothing is left behind.
void write_atomically(const std::filesystem::path& path, std::string_view content);

}  // namespace ssmprof::reports
