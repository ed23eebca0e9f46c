#include "kernels/bench/device.hpp"

#ifndef SSMPROF_HAS_CUDA
#include <stdexcept>

namespace ssmprof::kernels::bench {
namespace {
[[noreturn]] void absent() {
  throw std::runtime_error("built without CUDA");
}
}  // namespace

void* device_allocate(std::size_t) {
  absent();
}
void device_free(void*) noexcept {}
void device_fill(void*, DType, std::int64_t, std::uint64_t, float, float) {
  absent();
}
void device_poison(void*, std::size_t) {
  absent();
}
void device_read(void*, const void*, std::size_t, std::size_t, std::size_t) {
  absent();
}
void device_synchronize() {
  absent();
}
Rates measure_rates() {
  absent();
}
double measure_clock() {
  absent();
}
struct Stopwatch::Impl {};
Stopwatch::Stopwatch() {
  absent();
}
Stopwatch::~Stopwatch() = default;
void* Stopwatch::stream() const {
  return nullptr;
}
std::vector<double> Stopwatch::time(int, const std::function<void()>&) {
  absent();
}
std::vector<double> Stopwatch::time_graph(int, const std::function<void()>&) {
  absent();
}

}  // namespace ssmprof::kernels::bench
#endif
