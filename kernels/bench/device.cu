#include <algorithm>

#include "kernels/bench/device.hpp"
#include "kernels/bench/fill.hpp"
#include "kernels/bench/gemm.hpp"
#include "kernels/cuda/common.cuh"

namespace ssmprof::kernels::bench {
namespace {

using cuda::check;

template <class T>
__global__ void fill_kernel(T* to, std::int64_t count, std::uint64_t seed, float low, float high) {
  const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * blockDim.x;
  for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < count;
       i += step)
    to[i] = cuda::from_float<T>(uniform(seed, static_cast<std::uint64_t>(i), low, high));
}

__global__ void clock_kernel(long long* out) {
  unsigned long long begin_ns = 0, now_ns = 0;
  asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(begin_ns));
  const long long begin = clock64();
  do {
    asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(now_ns));
  } while (now_ns - begin_ns < 2000000ULL);
  out[0] = clock64() - begin;
  out[1] = static_cast<long long>(now_ns - begin_ns);
}

/// Seconds of each of several copies. Outside a graph: there a copy node may run on a copy engine,
/// which does not reach the memory's bandwidth.
std::vector<double> time_copies(void* to, const void* from, std::size_t bytes) {
  Stopwatch watch;
  return watch.time(9, [&] {
    check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice,
                          static_cast<cudaStream_t>(watch.stream())),
          "copy");
  });
}

}  // namespace

void* device_allocate(std::size_t bytes) {
  void* data = nullptr;
  check(cudaMalloc(&data, bytes), "device memory");
  return data;
}

void device_free(void* data) noexcept {
  cudaFree(data);
}

void device_fill(void* data, DType dtype, std::int64_t count, std::uint64_t seed, float low,
                 float high) {
  if (count <= 0) return;
  cuda::dispatch(dtype, [&](auto type) {
    using T = decltype(type);
    fill_kernel<<<1024, 256>>>(static_cast<T*>(data), count, seed, low, high);
  });
  cuda::check_launch("fill");
  device_synchronize();
}

void device_poison(void* data, std::size_t bytes) {
  check(cudaMemset(data, 0xff, bytes), "poison");
  device_synchronize();
}

void device_read(void* to, const void* from, std::size_t row, std::size_t rows, std::size_t pitch) {
  if (rows <= 1 || pitch == row)
    check(cudaMemcpy(to, from, row * rows, cudaMemcpyDeviceToHost), "copy to the host");
  else
    check(cudaMemcpy2D(to, row, from, pitch, row, rows, cudaMemcpyDeviceToHost),
          "copy to the host");
}

void device_synchronize() {
  check(cudaDeviceSynchronize(), "device");
}

double measure_clock() {
  long long* out = nullptr;
  check(cudaMalloc(&out, 2 * sizeof(long long)), "device memory");
  long long host[2] = {0, 1};
  clock_kernel<<<1, 1>>>(out);
  const cudaError_t status = cudaMemcpy(host, out, sizeof(host), cudaMemcpyDeviceToHost);
  cudaFree(out);
  check(status, "clock");
  return static_cast<double>(host[0]) / static_cast<double>(host[1]) * 1e9;
}

Rates measure_rates() {
  Rates rates;
  int device = 0;
  check(cudaGetDevice(&device), "device");
  cudaDeviceProp properties{};
  check(cudaGetDeviceProperties(&properties, device), "device properties");
  rates.device = properties.name;
  rates.multiprocessors = properties.multiProcessorCount;
  rates.l2_bytes = properties.l2CacheSize;

  const std::size_t bytes =
      std::min<std::size_t>(std::size_t{4} << 30, properties.totalGlobalMem / 8);
  void* from = device_allocate(bytes);
  void* to = nullptr;
  try {
    to = device_allocate(bytes);
    device_fill(from, DType::f32, static_cast<std::int64_t>(bytes / 4), 1, -1.0F, 1.0F);
    auto seconds = time_copies(to, from, bytes);
    std::sort(seconds.begin(), seconds.end());
    rates.copy_bytes_per_second = 2.0 * static_cast<double>(bytes) / seconds[seconds.size() / 2];
  } catch (...) {
    device_free(from);
    device_free(to);
    throw;
  }
  device_free(from);
  device_free(to);
  rates.gemm_flops_per_second = measure_gemm();
  return rates;
}

struct Stopwatch::Impl {
  cudaStream_t stream = nullptr;
  cudaEvent_t begin = nullptr, end = nullptr;
};

Stopwatch::Stopwatch() : impl_(std::make_unique<Impl>()) {
  check(cudaStreamCreateWithFlags(&impl_->stream, cudaStreamNonBlocking), "stream");
  check(cudaEventCreate(&impl_->begin), "event");
  check(cudaEventCreate(&impl_->end), "event");
}

Stopwatch::~Stopwatch() {
  if (impl_->begin != nullptr) cudaEventDestroy(impl_->begin);
  if (impl_->end != nullptr) cudaEventDestroy(impl_->end);
  if (impl_->stream != nullptr) cudaStreamDestroy(impl_->stream);
}

void* Stopwatch::stream() const {
  return impl_->stream;
}

std::vector<double> Stopwatch::time(int samples, const std::function<void()>& work) {
  std::vector<double> seconds;
  for (int i = -1; i < samples; ++i) {
    check(cudaEventRecord(impl_->begin, impl_->stream), "event");
    work();
    check(cudaEventRecord(impl_->end, impl_->stream), "event");
    check(cudaEventSynchronize(impl_->end), "timed work");
    float ms = 0;
    check(cudaEventElapsedTime(&ms, impl_->begin, impl_->end), "event");
    if (i >= 0) seconds.push_back(ms * 1e-3);
  }
  return seconds;
}

std::vector<double> Stopwatch::time_graph(int samples, const std::function<void()>& submit) {
  struct Graph {
    cudaGraph_t graph = nullptr;
    cudaGraphExec_t exec = nullptr;
    ~Graph() {
      if (exec != nullptr) cudaGraphExecDestroy(exec);
      if (graph != nullptr) cudaGraphDestroy(graph);
    }
  } held;
  check(cudaStreamBeginCapture(impl_->stream, cudaStreamCaptureModeThreadLocal), "capture");
  try {
    submit();
  } catch (...) {
    cudaStreamEndCapture(impl_->stream, &held.graph);
    cudaGetLastError();
    throw;
  }
  check(cudaStreamEndCapture(impl_->stream, &held.graph), "capture");
  check(cudaGraphInstantiate(&held.exec, held.graph, 0), "graph");
  return time(samples, [&] { check(cudaGraphLaunch(held.exec, impl_->stream), "graph launch"); });
}

}  // namespace ssmprof::kernels::bench
