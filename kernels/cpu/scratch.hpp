#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>

namespace ssmprof::kernels::cpu {

/// 64-byte aligned float scratch of the calling thread, kept between calls and grown as needed.
/// The pointer is valid until the thread's next call.
inline float* scratch(std::int64_t floats) {
  struct Free {
    void operator()(float* p) const { ::operator delete[](p, std::align_val_t{64}); }
  };
  thread_local std::unique_ptr<float[], Free> buffer;
  thread_local std::int64_t capacity = 0;
  if (floats > capacity) {
    buffer.reset();
    capacity = 0;
    const auto bytes = static_cast<std::size_t>(floats) * sizeof(float);
    buffer.reset(static_cast<float*>(::operator new[](bytes, std::align_val_t{64})));
    capacity = floats;
  }
  return buffer.get();
}

constexpr std::int64_t round_up(std::int64_t value, std::int64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

}  // namespace ssmprof::kernels::cpu
