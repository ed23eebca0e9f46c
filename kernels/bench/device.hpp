#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "kernels/bench/kernel_case.hpp"

/// What the benchmarks need of a CUDA device, without its headers. In a build without CUDA every
/// function throws std::runtime_error. All of them wait for their result.
namespace ssmprof::kernels::bench {

void* device_allocate(std::size_t bytes);
void device_free(void* data) noexcept;
void device_fill(void* data, DType dtype, std::int64_t count, std::uint64_t seed, float low,
                 float high);
void device_poison(void* data, std::size_t bytes);
/// rows × row bytes, rows `pitch` bytes apart on the device, packed into `to`.
void device_read(void* to, const void* from, std::size_t row, std::size_t rows, std::size_t pitch);
void device_synchronize();

/// Device properties, a large copy's rate, and the rate of a large bf16 matrix product where a
/// cuBLAS library is found (else 0).
Rates measure_rates();

/// SM clock in Hz over a short busy loop: cycles elapsed over the device's nanosecond timer.
double measure_clock();

/// A stream of its own, and the time that work on it takes.
class Stopwatch {
 public:
  Stopwatch();
  Stopwatch(const Stopwatch&) = delete;
  Stopwatch& operator=(const Stopwatch&) = delete;
  ~Stopwatch();
  void* stream() const;
  /// Runs `work` once to warm up and then `samples` times; seconds of each, begin to end on the
  /// stream.
  std::vector<double> time(int samples, const std::function<void()>& work);
  /// Captures what `submit` enqueues on stream() into a graph and times its replays.
  std::vector<double> time_graph(int samples, const std::function<void()>& submit);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ssmprof::kernels::bench
