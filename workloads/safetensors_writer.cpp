#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

#include "reports/error.hpp"
#include "workloads/safetensors.hpp"
#include "workloads/text.hpp"

namespace ssmprof::workloads {

using nlohmann::json;

namespace {

const char* format_name(kernels::DType dtype) {
  return dtype == kernels::DType::f32 ? "F32" : dtype == kernels::DType::f16 ? "F16" : "BF16";
}

/// A file under a temporary name beside its target; removed unless committed.
class PendingFile {
 public:
  explicit PendingFile(const std::filesystem::path& target)
      : target_(target), temporary_(target.string() + ".XXXXXX") {
    fd_ = ::mkstemp(temporary_.data());
    if (fd_ < 0) fail();
    opened_ = true;
  }
  PendingFile(const PendingFile&) = delete;
  PendingFile& operator=(const PendingFile&) = delete;
  ~PendingFile() {
    if (fd_ >= 0) ::close(fd_);
    if (opened_) ::unlink(temporary_.c_str());
  }

  void write(const void* data, std::size_t size) {
    const auto* bytes = static_cast<const char*>(data);
    while (size > 0) {
      const ssize_t written = ::write(fd_, bytes, std::min<std::size_t>(size, 1U << 30U));
      if (written < 0 && errno == EINTR) continue;
      if (written <= 0) fail();
      bytes += written;
      size -= static_cast<std::size_t>(written);
    }
  }

  void commit() {
    if (::fchmod(fd_, 0644) != 0 || ::fsync(fd_) != 0) fail();
    const int fd = std::exchange(fd_, -1);
    if (::close(fd) != 0) fail();
    if (::rename(temporary_.c_str(), target_.c_str()) != 0) fail();
    opened_ = false;
  }

 private:
  [[noreturn]] void fail() const {
    const int reason = errno;
    const std::string message = target_.string() + ": cannot be written: " + std::strerror(reason);
    if (reason == ENOSPC || reason == EDQUOT || reason == EIO) {
      throw reports::EnvironmentError(message);
    }
    throw reports::InputError(message);
  }

  std::filesystem::path target_;
  std::string temporary_;
  int fd_ = -1;
  bool opened_ = false;
};

}  // namespace

void write_safetensors(const std::filesystem::path& path,
                       const std::map<std::string, HostTensor>& tensors,
                       const std::map<std::string, std::string>& metadata) {
  // Wide types first, so that every tensor is aligned to its element without gaps.
  std::vector<const std::pair<const std::string, HostTensor>*> order;
  for (const auto& item : tensors) order.push_back(&item);
  std::stable_sort(order.begin(), order.end(), [](const auto* a, const auto* b) {
    return kernels::size_of(a->second.dtype) > kernels::size_of(b->second.dtype);
  });
  json header = json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  std::uint64_t position = 0;
  for (const auto* item : order) {
    const std::uint64_t end = position + item->second.bytes();
    header[item->first] = {{"dtype", format_name(item->second.dtype)},
                           {"shape", item->second.shape},
                           {"data_offsets", {position, end}}};
    position = end;
  }
  std::string text = header.dump();
  text.resize((text.size() + 8 + 63) / 64 * 64 - 8, ' ');  // the data starts at a multiple of 64
  const std::uint64_t length = text.size();
  PendingFile file(path);
  file.write(&length, sizeof length);
  file.write(text.data(), text.size());
  for (const auto* item : order) file.write(item->second.data, item->second.bytes());
  file.commit();
}

}  // namespace ssmprof::workloads
