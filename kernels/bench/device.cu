#include <algorithm>
#include <chrono>

#include "kernels/bench/device.hpp"
#include "kernels/bench/fill.hpp"
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

/// A stream, graph and events that go away with their scope.
struct Timing {
  cudaStream_t stream = nullptr;
  cudaGraph_t graph = nullptr;
  cudaGraphExec_t exec = nullptr;
  cudaEvent_t begin = nullptr, end = nullptr;
  Timing() {
    check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "stream");
    check(cudaEventCreate(&begin), "event");
    check(cudaEventCreate(&end), "event");
  }
  Timing(const Timing&) = delete;
  Timing& operator=(const Timing&) = delete;
  ~Timing() {
    if (exec != nullptr) cudaGraphExecDestroy(exec);
    if (graph != nullptr) cudaGraphDestroy(graph);
    if (begin != nullptr) cudaEventDestroy(begin);
    if (end != nullptr) cudaEventDestroy(end);
    if (stream != nullptr) cudaStreamDestroy(stream);
  }
};

/// Seconds of each of several copies. Outside a graph: there a copy node may run on a copy engine,
/// which does not reach the memory's bandwidth.
std::vector<double> time_copies(void* to, const void* from, std::size_t bytes) {
  Timing t;
  std::vector<double> seconds;
  for (int i = -2; i < 9; ++i) {
    check(cudaEventRecord(t.begin, t.stream), "event");
    check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, t.stream), "copy");
    check(cudaEventRecord(t.end, t.stream), "event");
    check(cudaEventSynchronize(t.end), "copy");
    float ms = 0;
    check(cudaEventElapsedTime(&ms, t.begin, t.end), "event");
    if (i >= 0) seconds.push_back(ms * 1e-3);
  }
  return seconds;
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
  rates.clock_hz = measure_clock();
  return rates;
}

std::vector<double> time_graph(int launches, int samples,
                               const std::function<void(int, void*)>& record) {
  Timing t;
  check(cudaStreamBeginCapture(t.stream, cudaStreamCaptureModeThreadLocal), "capture");
  for (int i = 0; i < launches; ++i) record(i, t.stream);
  check(cudaStreamEndCapture(t.stream, &t.graph), "capture");
  check(cudaGraphInstantiate(&t.exec, t.graph, 0), "graph");
  std::vector<double> seconds;
  for (int i = -1; i < samples; ++i) {
    check(cudaEventRecord(t.begin, t.stream), "event");
    check(cudaGraphLaunch(t.exec, t.stream), "graph launch");
    check(cudaEventRecord(t.end, t.stream), "event");
    check(cudaEventSynchronize(t.end), "graph");
    float ms = 0;
    check(cudaEventElapsedTime(&ms, t.begin, t.end), "event");
    if (i >= 0) seconds.push_back(ms * 1e-3 / launches);
  }
  return seconds;
}

}  // namespace ssmprof::kernels::bench
