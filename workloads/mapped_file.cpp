#include "workloads/mapped_file.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <string>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "reports/error.hpp"

namespace ssmprof::workloads {

namespace {

struct Descriptor {
  int fd = -1;
  ~Descriptor() {
    if (fd >= 0) ::close(fd);
  }
};

}  // namespace

MappedFile map_file(const std::filesystem::path& path) {
  const auto fail = [&](const std::string& why) {
    throw reports::InputError(path.string() + ": cannot be read: " + why);
  };
  // O_NONBLOCK: opening a pipe by mistake must not hang.
  const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  if (file.fd < 0) fail(std::strerror(errno));
  struct stat status {};
  if (::fstat(file.fd, &status) != 0) fail(std::strerror(errno));
  if (S_ISDIR(status.st_mode)) fail("it is a folder");
  if (!S_ISREG(status.st_mode)) fail("it is not a regular file");
  MappedFile mapped;
  mapped.size = static_cast<std::size_t>(status.st_size);
  if (mapped.size == 0) return mapped;
  void* memory = ::mmap(nullptr, mapped.size, PROT_READ, MAP_PRIVATE, file.fd, 0);
  if (memory == MAP_FAILED) fail(std::strerror(errno));
  mapped.data = static_cast<const std::byte*>(memory);
  mapped.owner = std::shared_ptr<const void>(
      memory, [size = mapped.size](const void* p) { ::munmap(const_cast<void*>(p), size); });
  return mapped;
}

}  // namespace ssmprof::workloads
