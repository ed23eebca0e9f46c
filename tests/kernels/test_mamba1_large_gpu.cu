#include <cuda_bf16.h>

#include "kernels/causal_conv1d.hpp"

#include "tests/kernels/mamba1_gpu.cuh"

using namespace mamba1_gpu;

// More than 2^31 elements: offsets that 32 bits cannot hold. Inputs come from a counter, so that
// the reference draws the few channels that it checks again.
namespace {

constexpr std::int64_t kLength = 131072, kChannels = 16512, kState = 16;
static_assert(kLength * kChannels > (1LL << 31));

__host__ __device__ float number(std::uint64_t seed, std::int64_t i) {
  std::uint64_t x = seed * 0x9E3779B97F4A7C15ULL + static_cast<std::uint64_t>(i);
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ULL;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBULL;
  return static_cast<float>((x ^ (x >> 31)) >> 56) / 128.0F - 1.0F;  // exact in bf16
}

__global__ void fill(__nv_bfloat16* to, std::int64_t count, std::uint64_t seed) {
  const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * blockDim.x;
  for (std::int64_t i = blockIdx.x * static_cast<std::int64_t>(blockDim.x) + threadIdx.x; i < count;
       i += step)
    to[i] = __float2bfloat16_rn(number(seed, i));
}

/// Device memory of `count` bf16 elements: filled when seed > 0, else NaN.
struct Tensor {
  void* data = nullptr;
  Tensor(std::int64_t count, std::uint64_t seed) {
    cuda_ok(cudaMalloc(&data, static_cast<std::size_t>(count) * 2));
    if (seed > 0)
      fill<<<2048, 256>>>(static_cast<__nv_bfloat16*>(data), count, seed);
    else
      cuda_ok(cudaMemset(data, 0xff, static_cast<std::size_t>(count) * 2));
    cuda_ok(cudaGetLastError());
  }
  Tensor(const Tensor&) = delete;
  Tensor& operator=(const Tensor&) = delete;
  ~Tensor() { cudaFree(data); }
  /// Column c of [kLength, kChannels].
  std::vector<double> column(std::int64_t c) const {
    std::vector<std::uint16_t> raw(kLength);
    cuda_ok(cudaMemcpy2D(raw.data(), 2, static_cast<const char*>(data) + 2 * c, 2 * kChannels, 2,
                         kLength, cudaMemcpyDeviceToHost));
    std::vector<double> values(kLength);
    for (std::size_t i = 0; i < raw.size(); ++i)
      values[i] = reference::value(DType::bf16, raw.data(), static_cast<std::int64_t>(i));
    return values;
  }
};

double error_between(const std::vector<double>& expected, const std::vector<double>& got) {
  return relative_norm(expected, static_cast<std::int64_t>(got.size()),
                       [&](std::int64_t i) { return got[static_cast<std::size_t>(i)]; });
}

bool enough_memory() {
  if (!has_device()) return false;
  std::size_t free = 0, total = 0;
  cuda_ok(cudaMemGetInfo(&free, &total));
  if (free > (std::size_t{24} << 30)) return true;
  std::puts("SKIPPED: needs 24 GiB of device memory");
  return false;
}

const std::int64_t kSampled[] = {0, 1, kChannels / 2, kChannels - 1};

}  // namespace

TEST_CASE("the GPU scan addresses more than 2^31 elements", "[large]") {
  if (!enough_memory()) return;
  Tensor u(kLength * kChannels, 1), delta(kLength * kChannels, 2), z(kLength * kChannels, 3);
  Tensor bc(kLength * 2 * kState, 4), out(kLength * kChannels, 0);
  std::vector<float> a(kChannels * kState);
  for (std::size_t i = 0; i < a.size(); ++i)
    a[i] = -8.0F + 7.5F * number(5, static_cast<std::int64_t>(i));
  float* a_device = nullptr;
  cuda_ok(cudaMalloc(&a_device, a.size() * 4));
  cuda_ok(cudaMemcpy(a_device, a.data(), a.size() * 4, cudaMemcpyHostToDevice));
  SelectiveScanArgs args;
  args.dtype = DType::bf16;
  args.batch = 1;
  args.length = kLength;
  args.channels = kChannels;
  args.state = kState;
  args.u = {u.data, kLength * kChannels, kChannels};
  args.delta = {delta.data, kLength * kChannels, kChannels};
  args.z = {z.data, kLength * kChannels, kChannels};
  args.b = {bc.data, kLength * 2 * kState, 2 * kState};
  args.c = {static_cast<__nv_bfloat16*>(bc.data) + kState, kLength * 2 * kState, 2 * kState};
  args.out = {out.data, kLength * kChannels, kChannels};
  args.a = a_device;
  selective_scan(args, on_gpu());
  cuda_ok(cudaDeviceSynchronize());
  cudaFree(a_device);
  for (const std::int64_t c : kSampled) {
    std::vector<double> expected(kLength), h(kState, 0.0);
    for (std::int64_t t = 0; t < kLength; ++t) {
      const std::int64_t i = t * kChannels + c;
      const double step = reference::softplus(number(2, i)), input = number(1, i);
      double y = 0.0;
      for (std::int64_t n = 0; n < kState; ++n) {
        const std::int64_t k = t * 2 * kState + n;
        auto& hn = h[static_cast<std::size_t>(n)];
        hn = std::exp(step * a[static_cast<std::size_t>(c * kState + n)]) * hn +
             step * number(4, k) * input;
        y += number(4, k + kState) * hn;
      }
      expected[static_cast<std::size_t>(t)] = y * reference::silu(number(3, i));
    }
    CHECK(error_between(expected, out.column(c)) <= 2e-3);
  }
}

TEST_CASE("the GPU conv addresses more than 2^31 elements", "[large]") {
  if (!enough_memory()) return;
  Tensor x(kLength * kChannels, 1), weight(kChannels * 4, 2), out(kLength * kChannels, 0);
  CausalConv1dArgs args;
  args.dtype = DType::bf16;
  args.batch = 1;
  args.length = kLength;
  args.channels = kChannels;
  args.width = 4;
  args.x = {x.data, kLength * kChannels, kChannels};
  args.weight = weight.data;
  args.out = {out.data, kLength * kChannels, kChannels};
  causal_conv1d(args, on_gpu());
  cuda_ok(cudaDeviceSynchronize());
  for (const std::int64_t c : kSampled) {
    std::vector<double> expected(kLength);
    for (std::int64_t t = 0; t < kLength; ++t) {
      double sum = 0.0;
      for (std::int64_t k = 0; k < 4; ++k)
        if (t - 3 + k >= 0) sum += number(2, c * 4 + k) * number(1, (t - 3 + k) * kChannels + c);
      expected[static_cast<std::size_t>(t)] = reference::silu(sum);
    }
    CHECK(error_between(expected, out.column(c)) <= 2e-3);
  }
}
