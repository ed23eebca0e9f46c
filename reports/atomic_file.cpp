#include "reports/atomic_file.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <string>
#include <sys/stat.h>
#include <unistd.h>

#include "reports/error.hpp"

namespace ssmprof::reports {
namespace {

namespace fs = std::filesystem;

std::string reason(int error) {
  return std::strerror(error);
}

/// A file descriptor, and the name of the file behind it until that name has been given away.
struct Temporary {
  int fd = -1;
  std::string name;
  Temporary() = default;
  Temporary(const Temporary&) = delete;
  Temporary& operator=(const Temporary&) = delete;
  ~Temporary() {
    if (fd >= 0) ::close(fd);
    if (!name.empty()) ::unlink(name.c_str());
  }
};

/// The file to replace: symbolic links followed, as far as they lead somewhere.
fs::path resolve(const fs::path& path) {
  std::error_code error;
  fs::path target = path;
  for (int hops = 0; fs::is_symlink(fs::symlink_status(target, error)); ++hops) {
    if (hops == 40) throw InputError(path.string() + ": too many symbolic links");
    const fs::path link = fs::read_symlink(target, error);
    if (error) throw InputError(path.string() + ": cannot follow the symbolic link");
    target = link.is_absolute() ? link : target.parent_path() / link;
  }
  return target;
}

fs::path folder_of(const fs::path& target) {
  const fs::path parent = target.parent_path();
  return parent.empty() ? fs::path(".") : parent;
}

std::string temporary_name(const fs::path& target, int attempt) {
  return (folder_of(target) / (std::string(".").append(target.filename().string()) + "." +
                               std::to_string(::getpid()) + "." + std::to_string(attempt) + ".tmp"))
      .string();
}

/// Opens a temporary file beside the target: one without a name where the file system can, which
/// vanishes by itself when the process is killed. Sets errno and leaves fd at -1 on failure.
void open_beside(const fs::path& target, Temporary& temporary) {
#ifdef O_TMPFILE
  temporary.fd = ::open(folder_of(target).c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666);
  if (temporary.fd >= 0) return;
  if (errno != EOPNOTSUPP && errno != EISDIR && errno != ENOENT && errno != EINVAL) return;
#endif
  for (int attempt = 0; attempt < 100; ++attempt) {
    const std::string name = temporary_name(target, attempt);
    temporary.fd = ::open(name.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0666);
    if (temporary.fd >= 0) temporary.name = name;
    if (temporary.fd >= 0 || errno != EEXIST) return;
  }
}

/// Gives a nameless temporary file a name beside the target. False with errno on failure.
bool give_name(const fs::path& target, Temporary& temporary) {
  if (!temporary.name.empty()) return true;
  const std::string self = "/proc/self/fd/" + std::to_string(temporary.fd);
  for (int attempt = 0; attempt < 100; ++attempt) {
    const std::string name = temporary_name(target, attempt);
    if (::linkat(AT_FDCWD, self.c_str(), AT_FDCWD, name.c_str(), AT_SYMLINK_FOLLOW) == 0) {
      temporary.name = name;
      return true;
    }
    if (errno != EEXIST) return false;
  }
  return false;
}

bool write_all(int fd, std::string_view content) {
  while (!content.empty()) {
    const ssize_t written =
        ::write(fd, content.data(), std::min<std::size_t>(content.size(), 1U << 30U));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    content.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

/// A device, pipe or socket, by itself or behind links.
bool is_special(const fs::path& path) {
  std::error_code error;
  const auto status = fs::status(path, error);
  return fs::exists(status) && !fs::is_regular_file(status) && !fs::is_directory(status);
}

[[noreturn]] void fail_disk(const fs::path& path, int error) {
  throw EnvironmentError(path.string() + ": cannot write: " + reason(error) +
                         "; free some space or choose another place");
}

}  // namespace

void require_writable(const fs::path& path) {
  if (path.empty()) throw InputError("the output path is empty: name a file");
  const std::string shown = path.string();
  // Before any link is followed by its text: that of /proc/self/fd/1 names no file.
  if (is_special(path)) {
    if (::access(path.c_str(), W_OK) != 0) {
      throw InputError(shown + ": cannot write: " + reason(errno) + "; choose another file");
    }
    return;
  }
  const fs::path target = resolve(path);
  std::error_code error;
  if (fs::is_directory(target, error) || !target.has_filename()) {
    throw InputError(shown + ": is a directory: name a file in it");
  }
  const fs::path folder = folder_of(target);
  struct stat info {};
  if (::stat(folder.c_str(), &info) != 0) {
    throw InputError(shown + ": cannot write: folder " + folder.string() + ": " + reason(errno) +
                     "; create it or choose another");
  }
  if (!S_ISDIR(info.st_mode)) {
    throw InputError(shown + ": cannot write: " + folder.string() + " is not a directory");
  }
  if (::access(target.c_str(), W_OK) != 0 && errno != ENOENT) {
    throw InputError(shown + ": cannot write: " + reason(errno) + "; choose another file");
  }
  Temporary trial;
  open_beside(target, trial);
  if (trial.fd < 0) {
    throw InputError(shown + ": cannot write in folder " + folder.string() + ": " + reason(errno) +
                     "; choose another");
  }
}

struct AtomicFile::State {
  fs::path path, target;
  bool special = false;  ///< a device or pipe: written as it is
  Temporary temporary;
};

AtomicFile::AtomicFile(const fs::path& path) : state_(std::make_unique<State>()) {
  require_writable(path);
  auto& [shown, target, special, temporary] = *state_;
  shown = path;
  special = is_special(path);
  if (special) {
    temporary.fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
    if (temporary.fd < 0) fail_disk(path, errno);
    return;
  }
  target = resolve(path);
  open_beside(target, temporary);
  if (temporary.fd < 0) fail_disk(path, errno);
  struct stat existing {};
  if (::stat(target.c_str(), &existing) == 0 &&
      ::fchmod(temporary.fd, existing.st_mode & 07777) != 0) {
    fail_disk(path, errno);
  }
}

AtomicFile::~AtomicFile() = default;

void AtomicFile::write(std::string_view content) {
  if (!write_all(state_->temporary.fd, content)) fail_disk(state_->path, errno);
}

void AtomicFile::commit() {
  auto& [shown, target, special, temporary] = *state_;
  if (special) return;
  if (::fsync(temporary.fd) != 0 || !give_name(target, temporary) ||
      ::rename(temporary.name.c_str(), target.c_str()) != 0) {
    fail_disk(shown, errno);
  }
  temporary.name.clear();
  // The rename itself reaches the disk with the folder.
  Temporary folder;
  folder.fd = ::open(folder_of(target).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder.fd >= 0) ::fsync(folder.fd);
}

void write_atomically(const fs::path& path, std::string_view content) {
  AtomicFile file(path);
  file.write(content);
  file.commit();
}

}  // namespace ssmprof::reports
