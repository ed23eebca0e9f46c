#include "workloads/torch/memory_books.hpp"

#include <algorithm>
#include <unordered_map>

namespace ssmprof::workloads {

struct MemoryBooks::Entries : public c10::MemoryReportingInfoBase {
  explicit Entries(c10::DeviceType type) : device(type) {}

  /// alloc_size is positive when memory is handed out and negative when it comes back.
  void reportMemoryUsage(void* data, std::int64_t alloc_size, std::size_t, std::size_t,
                         c10::Device where) override {
    if (where.type() != device) return;
    if (alloc_size > 0) {
      alive[data] = alloc_size;
      now += alloc_size;
      cumulative += alloc_size;
      peak = std::max(peak, now);
    } else if (const auto found = alive.find(data); found != alive.end()) {
      now -= found->second;
      alive.erase(found);
    }
  }
  bool memoryProfilingEnabled() const override { return true; }

  c10::DeviceType device;
  std::unordered_map<void*, std::int64_t> alive;
  std::int64_t now = 0, peak = 0, cumulative = 0;
};

MemoryBooks::MemoryBooks(c10::DeviceType device)
    : entries_(std::make_shared<Entries>(device)),
      guard_(std::make_unique<c10::DebugInfoGuard>(c10::DebugInfoKind::PROFILER_STATE, entries_)) {}

MemoryBooks::~MemoryBooks() = default;

std::uint64_t MemoryBooks::peak() const {
  return static_cast<std::uint64_t>(entries_->peak);
}

std::uint64_t MemoryBooks::cumulative() const {
  return static_cast<std::uint64_t>(entries_->cumulative);
}

}  // namespace ssmprof::workloads
