#pragma once

#include <filesystem>
#include <memory>
#include <string_view>

namespace ssmprof::reports {

/// Throws InputError when write_atomically(path) could not succeed: no such folder, a folder in
/// the file's place, no permission. Neither creates nor changes the target.
void require_writable(const std::filesystem::path& path);

/// A file that is written piece by piece and appears whole or not at all, also under kill -9: a
/// temporary file in the same folder, which commit() flushes and renames. Without commit() nothing
/// is left behind. Keeps the permissions of a file that it replaces and follows a symbolic link; a
/// device or pipe is written directly. Throws InputError where the path is at fault and
/// EnvironmentError where the disk is.
class AtomicFile {
 public:
  explicit AtomicFile(const std::filesystem::path& path);
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;
  ~AtomicFile();

  void write(std::string_view content);
  void commit();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// The same for a text that is there already.
void write_atomically(const std::filesystem::path& path, std::string_view content);

}  // namespace ssmprof::reports
