#include "reports/input_file.hpp"

#include <cerrno>
#include <cstring>
#include <sys/stat.h>

#include "reports/error.hpp"

namespace ssmprof::reports {

void require_regular_file(const std::filesystem::path& path, const std::string& wanted) {
  const auto fail = [&](const std::string& why) {
    throw InputError(path.string() + ": " + why + ": name " + wanted);
  };
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) {
    fail(errno == ENOENT ? "no such file"
                         : "cannot be read (" + std::string(std::strerror(errno)) + ")");
  }
  if (S_ISDIR(status.st_mode)) fail("is a directory");
  if (!S_ISREG(status.st_mode)) fail("is not a regular file");
}

}  // namespace ssmprof::reports
