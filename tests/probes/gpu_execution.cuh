#pragma once

#include <cstdio>
#include <cuda_bf16.h>
#include <cuda_runtime.h>
#include <functional>
#include <mma.h>
#include <vector>

#include "tests/catch.hpp"
#include "tests/probes/fake_execution.hpp"

namespace ssmprof::probes::testing {

#define SSMPROF_CUDA_OK(call) REQUIRE((call) == cudaSuccess)

inline bool no_gpu() {
  int count = 0;
  if (cudaGetDeviceCount(&count) == cudaSuccess && count > 0) return false;
  cudaGetLastError();
  std::printf("SKIPPED: no GPU\n");
  return true;
}

/// Leaves that launch real work on a stream of its own, in the order of the ranges.
class GpuExecution : public workloads::Execution {
 public:
  using Work = std::function<void(cudaStream_t)>;

  GpuExecution(std::vector<RangeSpec> ranges, std::vector<Work> work)
      : ranges_(std::move(ranges)), work_(std::move(work)) {
    spec_.device = kernels::Device::cuda;
    SSMPROF_CUDA_OK(cudaStreamCreate(&stream_));
  }
  ~GpuExecution() override { cudaStreamDestroy(stream_); }
  const workloads::ExecutionSpec& spec() const override { return spec_; }
  const std::vector<RangeSpec>& ranges() const override { return ranges_; }
  void run(workloads::RangeObserver* observer) override { run_below(-1, observer); }
  std::vector<std::int64_t> run_to_token() override {
    run(nullptr);
    synchronize();
    return {0};
  }
  void synchronize() override { SSMPROF_CUDA_OK(cudaStreamSynchronize(stream_)); }
  void* stream() const override { return stream_; }
  workloads::MemoryUse measure_memory() override { return {}; }

  workloads::ExecutionSpec spec_;

 private:
  /// Everything below a range; a group's own work comes before and lies outside of every leaf.
  void run_below(int parent, workloads::RangeObserver* observer) {
    for (std::size_t i = 0; i < ranges_.size(); ++i) {
      if (ranges_[i].parent != parent) continue;
      const workloads::ScopedRange scope(observer, static_cast<int>(i));
      if (work_[i]) work_[i](stream_);
      if (!ranges_[i].leaf) run_below(static_cast<int>(i), observer);
    }
  }

  std::vector<RangeSpec> ranges_;
  std::vector<Work> work_;
  cudaStream_t stream_ = nullptr;
};

/// Device memory filled with small positive numbers.
class Buffer {
 public:
  explicit Buffer(std::size_t floats) : floats_(floats) {
    SSMPROF_CUDA_OK(cudaMalloc(&data_, floats * sizeof(float)));
    SSMPROF_CUDA_OK(cudaMemset(data_, 0x3c, floats * sizeof(float)));
  }
  ~Buffer() { cudaFree(data_); }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  float* data() const { return data_; }
  std::size_t size() const { return floats_; }

 private:
  float* data_ = nullptr;
  std::size_t floats_;
};

/// out[i] = in[i]: 8 bytes per element.
[[maybe_unused]] static __global__ void copy_kernel(const float4* in, float4* out, std::size_t n) {
  for (std::size_t i = blockIdx.x * std::size_t{blockDim.x} + threadIdx.x; i < n;
       i += std::size_t{gridDim.x} * blockDim.x) {
    out[i] = in[i];
  }
}

/// kSteps fused multiply-adds per thread and nothing else in floating point: no loop, because the
/// compiler may materialize a loop's zero with an HFMA2, which counts as four operations.
template <int kSteps>
[[maybe_unused]] static __global__ void ffma_kernel(float* out, float a, float b) {
  float x = a;
#pragma unroll
  for (int i = 0; i < kSteps; ++i) x = fmaf(x, b, a);
  out[blockIdx.x * std::size_t{blockDim.x} + threadIdx.x] = x;
}

/// Takes as long as asked for.
[[maybe_unused]] static __global__ void busy_kernel(float* out, float a, float b, int steps) {
  float x = a;
  for (int i = 0; i < steps; ++i) x = fmaf(x, b, a);
  out[blockIdx.x * std::size_t{blockDim.x} + threadIdx.x] = x;
}

/// C = A · B on the tensor cores, bf16 in and fp32 out, one 16 × 16 tile per warp and block; n a
/// multiple of 16.
[[maybe_unused]] static __global__ void matmul_kernel(const __nv_bfloat16* a,
                                                      const __nv_bfloat16* b, float* c, int n) {
  using namespace nvcuda;
  wmma::fragment<wmma::matrix_a, 16, 16, 16, __nv_bfloat16, wmma::row_major> left;
  wmma::fragment<wmma::matrix_b, 16, 16, 16, __nv_bfloat16, wmma::row_major> right;
  wmma::fragment<wmma::accumulator, 16, 16, 16, float> sum;
  wmma::fill_fragment(sum, 0.0f);
  const int row = blockIdx.y * 16, column = blockIdx.x * 16;
  for (int k = 0; k < n; k += 16) {
    wmma::load_matrix_sync(left, a + row * n + k, n);
    wmma::load_matrix_sync(right, b + k * n + column, n);
    wmma::mma_sync(sum, left, right, sum);
  }
  wmma::store_matrix_sync(c + row * n + column, sum, n, wmma::mem_row_major);
}

/// One 16 × 16 × 8 product in TF32 per warp and block, all of zeros: 4096 operations.
[[maybe_unused]] static __global__ void tf32_kernel(const float* in, float* out) {
  using namespace nvcuda;
  wmma::fragment<wmma::matrix_a, 16, 16, 8, wmma::precision::tf32, wmma::row_major> left;
  wmma::fragment<wmma::matrix_b, 16, 16, 8, wmma::precision::tf32, wmma::row_major> right;
  wmma::fragment<wmma::accumulator, 16, 16, 8, float> sum;
  // Loaded, not filled: of two products of equal constants the compiler keeps one.
  wmma::load_matrix_sync(left, in, 8);
  wmma::load_matrix_sync(right, in + 128, 16);
  wmma::fill_fragment(sum, 0.0f);
  wmma::mma_sync(sum, left, right, sum);
  wmma::store_matrix_sync(out + blockIdx.x * 256, sum, 16, wmma::mem_row_major);
}

/// One ex2 per element on the XU pipe.
[[maybe_unused]] static __global__ void exp_kernel(const float* in, float* out, std::size_t n) {
  const std::size_t i = blockIdx.x * std::size_t{blockDim.x} + threadIdx.x;
  if (i < n) {
    float y;
    asm volatile("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(in[i]));
    out[i] = y;
  }
}

}  // namespace ssmprof::probes::testing
