#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
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

/// Device properties, a large copy's rate and the clock under load; gemm rate 0.
Rates measure_rates();

/// SM clock in Hz over a short busy loop: cycles elapsed over the device's nanosecond timer.
double measure_clock();

/// Captures record(0) … record(launches-1) into one graph and replays it: one warm-up replay, then
/// `samples` timed ones. Seconds per launch of each timed replay.
std::vector<double> time_graph(int launches, int samples,
                               const std::function<void(int launch, void* stream)>& record);

}  // namespace ssmprof::kernels::bench
