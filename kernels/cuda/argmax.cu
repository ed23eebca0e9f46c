#include "kernels/cuda/argmax.hpp"
#include "kernels/cuda/common.cuh"
#include "kernels/cuda/programmatic.cuh"

namespace ssmprof::kernels::cuda {
namespace {

constexpr int kThreads = 1024;

struct Found {
  float value;
  std::int64_t at;
};

/// The better of two: larger, or a NaN, or the earlier of equal ones.
__device__ Found better(Found a, Found b) {
  const bool a_nan = a.value != a.value, b_nan = b.value != b.value;
  const bool equal = a.value == b.value || (a_nan && b_nan);
  const bool take_b = equal ? b.at < a.at : !a_nan && (b_nan || b.value > a.value);
  return take_b ? b : a;
}

__device__ Found best_of_warp(Found v) {
#pragma unroll
  for (int lane = kWarp / 2; lane > 0; lane /= 2)
    v = better(v, {__shfl_xor_sync(0xffffffffU, v.value, lane),
                   __shfl_xor_sync(0xffffffffU, v.at, lane)});
  return v;
}

/// One block per row, V values per access.
template <class T, int V>
__global__ void __launch_bounds__(kThreads) argmax_kernel(const ArgmaxArgs a) {
  __shared__ Found found[kThreads / kWarp];
  const T* const row = static_cast<const T*>(a.x.data) + blockIdx.x * a.x.row_stride;
  wait_for_previous_grid();
  let_next_grid_start();
  Found best{-INFINITY, a.columns};  // any value is better
#pragma unroll 4
  for (std::int64_t i = static_cast<std::int64_t>(threadIdx.x) * V; i < a.columns;
       i += kThreads * V) {
    const auto pack = load_pack<V>(row + i);
#pragma unroll
    for (int j = 0; j < V; ++j) best = better(best, {to_float(pack.v[j]), i + j});
  }
  best = best_of_warp(best);
  if (threadIdx.x % kWarp == 0) found[threadIdx.x / kWarp] = best;
  __syncthreads();
  if (threadIdx.x >= kWarp) return;
  best = best_of_warp(found[threadIdx.x]);
  if (threadIdx.x == 0) a.out[blockIdx.x] = best.at;
}

}  // namespace

void argmax(const ArgmaxArgs& args, const Launch& where) {
  dispatch(args.dtype, [&](auto t) {
    using T = decltype(t);
    constexpr int V = kVector<T>;
    const bool packed = args.columns % V == 0 &&
                        rows_aligned(args.x.data, 0, args.rows > 1 ? args.x.row_stride : 0,
                                     sizeof(T), 16);
    launch_overlapping("argmax", packed ? argmax_kernel<T, V> : argmax_kernel<T, 1>,
                       static_cast<unsigned>(args.rows), kThreads, 0, where, args);
  });
}

}  // namespace ssmprof::kernels::cuda
