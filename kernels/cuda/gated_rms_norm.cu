#include "kernels/cuda/math.cuh"
#include "kernels/cuda/programmatic.cuh"
#include "kernels/cuda/rms_norm.hpp"
#include "kernels/cuda/ssd_common.cuh"

namespace ssmprof::kernels::cuda {
namespace {

using ssd_detail::aligned16;
using ssd_detail::load_vec;
using ssd_detail::store_vec;

constexpr int kMaxThreads = 1024;
constexpr std::int64_t kManyRows = 1024;
/// Outputs from so many bytes on do not stay in the L2 until they are read.
constexpr std::int64_t kLargeOutput = std::int64_t{48} << 20;

/// The sum over all threads of the block, the same bits in each.
__device__ __forceinline__ float block_sum(float v, float* scratch) {
#pragma unroll
  for (int o = 16; o > 0; o /= 2) v += __shfl_xor_sync(0xffffffffU, v, o);
  const int warps = blockDim.x / 32;
  if (warps == 1) return v;
  if (threadIdx.x % 32 == 0) scratch[threadIdx.x / 32] = v;
  __syncthreads();
  float total = 0.0F;
  for (int i = 0; i < warps; ++i) total += scratch[i];
  return total;
}

/// One CTA per (token, group), the group's row in registers: thread i owns the 16-byte vectors
/// i, i + blockDim, ... (K of them), each read once. `kOnce`: the L2 gives up the output first.
template <typename T, int K, int kThreads, bool kOnce>
__global__ void __launch_bounds__(kThreads)
    gated_rms_norm_rows(const GatedRmsNormArgs a, const int vectors) {
  constexpr int V = 16 / sizeof(T);
  __shared__ float scratch[kMaxThreads / 32];
  const std::int64_t token = blockIdx.x;
  const std::int64_t column = static_cast<std::int64_t>(blockIdx.y) * a.group_size;
  const T* y = static_cast<const T*>(a.y.data) + token * a.y.row_stride + column;
  const T* z = static_cast<const T*>(a.z.data) + token * a.z.row_stride + column;
  const T* w = static_cast<const T*>(a.weight) + column;
  T* out = static_cast<T*>(a.out.data) + token * a.out.row_stride + column;
  uint4 ry[K], rz[K], rw[K];
  wait_for_previous_grid();
  let_next_grid_start();
#pragma unroll
  for (int k = 0; k < K; ++k) {
    const int i = threadIdx.x + k * blockDim.x;
    if (i < vectors) {
      ry[k] = __ldcs(reinterpret_cast<const uint4*>(y) + i);
      rz[k] = __ldcs(reinterpret_cast<const uint4*>(z) + i);
    }
  }
#pragma unroll
  for (int k = 0; k < K; ++k) {
    const int i = threadIdx.x + k * blockDim.x;
    if (i < vectors) rw[k] = __ldg(reinterpret_cast<const uint4*>(w) + i);
  }
  float s[K][V];
  float sum = 0.0F;
#pragma unroll
  for (int k = 0; k < K; ++k) {
    if (static_cast<int>(threadIdx.x + k * blockDim.x) < vectors) {
      float fy[V], fz[V];
      load_vec<T, V>(reinterpret_cast<const T*>(&ry[k]), fy);
      load_vec<T, V>(reinterpret_cast<const T*>(&rz[k]), fz);
#pragma unroll
      for (int v = 0; v < V; ++v) {
        s[k][v] = fy[v] * silu<true>(fz[v]);
        sum = fmaf(s[k][v], s[k][v], sum);
      }
    }
  }
  sum = block_sum(sum, scratch);
  const float rstd = rsqrtf(sum / static_cast<float>(a.group_size) + a.eps);
#pragma unroll
  for (int k = 0; k < K; ++k) {
    const int i = threadIdx.x + k * blockDim.x;
    if (i < vectors) {
      float fw[V];
      load_vec<T, V>(reinterpret_cast<const T*>(&rw[k]), fw);
#pragma unroll
      for (int v = 0; v < V; ++v) s[k][v] *= rstd * fw[v];
      store_vec<T, V, kOnce>(out + static_cast<std::int64_t>(i) * V, s[k]);
    }
  }
}

/// Any size and alignment: y and z are read twice.
template <typename T>
__global__ void __launch_bounds__(kMaxThreads) gated_rms_norm_any(const GatedRmsNormArgs a) {
  __shared__ float scratch[kMaxThreads / 32];
  const std::int64_t token = blockIdx.x;
  const std::int64_t column = static_cast<std::int64_t>(blockIdx.y) * a.group_size;
  const T* y = static_cast<const T*>(a.y.data) + token * a.y.row_stride + column;
  const T* z = static_cast<const T*>(a.z.data) + token * a.z.row_stride + column;
  const T* w = static_cast<const T*>(a.weight) + column;
  T* out = static_cast<T*>(a.out.data) + token * a.out.row_stride + column;
  float sum = 0.0F;
  wait_for_previous_grid();
  for (std::int64_t i = threadIdx.x; i < a.group_size; i += blockDim.x) {
    const float s = to_float(y[i]) * silu<true>(to_float(z[i]));
    sum = fmaf(s, s, sum);
  }
  sum = block_sum(sum, scratch);
  const float rstd = rsqrtf(sum / static_cast<float>(a.group_size) + a.eps);
  for (std::int64_t i = threadIdx.x; i < a.group_size; i += blockDim.x) {
    const float s = to_float(y[i]) * silu<true>(to_float(z[i]));
    out[i] = from_float<T>(s * rstd * to_float(w[i]));
  }
}

template <typename T>
void run(const GatedRmsNormArgs& args, const Launch& where) {
  constexpr int V = 16 / sizeof(T);
  const std::int64_t groups = args.channels / args.group_size;
  const dim3 grid(static_cast<unsigned>(args.tokens), static_cast<unsigned>(groups));
  const auto row_ok = [](const ConstRows& r) {
    return aligned16(r.data) && (r.row_stride * sizeof(T)) % 16 == 0;
  };
  const std::int64_t vectors = args.group_size / V;
  const bool fast = args.group_size % V == 0 && vectors <= 4096 && row_ok(args.y) &&
                    row_ok(args.z) && row_ok(args.out) && aligned16(args.weight);
  if (!fast) {
    const int threads = args.group_size >= 1024 ? 256 : args.group_size >= 128 ? 128 : 32;
    return launch_overlapping("gated_rms_norm", gated_rms_norm_any<T>, grid, threads, 0, where,
                              args);
  }
  const int n = static_cast<int>(vectors);
  const auto go = [&](auto kernel, int k) {
    const int threads = static_cast<int>(blocks_for(blocks_for(vectors, k), kWarp)) * kWarp;
    launch_overlapping("gated_rms_norm", kernel, grid, threads, 0, where, args, n);
  };
  const auto sized = [&](auto once) {
    constexpr bool kOnce = decltype(once)::value;
    // Many rows want few threads each, with much in flight; few rows want many.
    if (n <= 1024 && args.tokens * groups >= kManyRows)
      return go(gated_rms_norm_rows<T, 4, 256, kOnce>, 4);
    if (n <= 512) return go(gated_rms_norm_rows<T, 2, 256, kOnce>, 2);
    if (n <= 1024) return go(gated_rms_norm_rows<T, 3, 352, kOnce>, 3);
    go(gated_rms_norm_rows<T, 4, kMaxThreads, kOnce>, 4);
  };
  if (args.tokens * args.channels * static_cast<std::int64_t>(sizeof(T)) >= kLargeOutput)
    return sized(std::true_type());
  sized(std::false_type());
}

}  // namespace

void gated_rms_norm(const GatedRmsNormArgs& args, const Launch& where) {
  dispatch(args.dtype, [&](auto t) { run<decltype(t)>(args, where); });
}

}  // namespace ssmprof::kernels::cuda
