#pragma once

#include <c10/core/Allocator.h>
#include <cstdint>
#include <memory>

namespace ssmprof::workloads {

/// What LibTorch's allocators hand out and take back on this thread while the books are open: every
/// tensor, on the CPU and on the GPU (there rounded up by the caching allocator). Memory that a
/// library takes for itself (a GEMM's packing buffers) is not in them.
class MemoryBooks {
 public:
  explicit MemoryBooks(c10::DeviceType device);
  ~MemoryBooks();
  MemoryBooks(const MemoryBooks&) = delete;
  MemoryBooks& operator=(const MemoryBooks&) = delete;

  std::uint64_t peak() const;        ///< most bytes alive at once, of those handed out since
  std::uint64_t cumulative() const;  ///< all bytes handed out since

 private:
  struct Entries;
  std::shared_ptr<Entries> entries_;
  std::unique_ptr<c10::DebugInfoGuard> guard_;
};

}  // namespace ssmprof::workloads
