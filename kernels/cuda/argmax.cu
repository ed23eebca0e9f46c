#include "kernels/cuda/argmax.hpp"
#include "kernels/cuda/linear_device.cuh"
#include "kernels/cuda/linear_launch.cuh"

namespace ssmprof::kernels::cuda {
namespace {

using Key = unsigned long long;
constexpr int kThreads = 512, kBlocks = 8;  ///< of a row, a cluster where there are clusters

/// A number that orders values as the choice does: NaN above all, equal values by their place.
__device__ Key key_of(float value, std::uint32_t at) {
  const auto bits = static_cast<std::uint32_t>(__float_as_int(value == 0.0F ? 0.0F : value));
  const std::uint32_t ordered = (bits >> 31) != 0 ? ~bits : bits | 0x80000000U;
  return static_cast<Key>(value != value ? 0xffffffffU : ordered) << 32 | ~at;
}

__device__ Key largest_of_warp(Key key) {
#pragma unroll
  for (int lane = kWarp / 2; lane > 0; lane /= 2)
    key = max(key, __shfl_xor_sync(0xffffffffU, key, lane));
  return key;
}

/// The blocks of a cluster share a row, V values per access.
template <class T, int V>
__global__ void __launch_bounds__(kThreads) argmax_kernel(const ArgmaxArgs a) {
  __shared__ alignas(16) Key found[kThreads / kWarp];
  const int blocks = static_cast<int>(cluster_blocks()), rank = static_cast<int>(cluster_rank());
  const std::int64_t row = blockIdx.x / blocks;
  const T* const x = static_cast<const T*>(a.x.data) + row * a.x.row_stride;
  wait_for_previous_grid();
  let_next_grid_start();
  Key best = 0;
#pragma unroll 2
  for (std::int64_t i = (static_cast<std::int64_t>(rank) * kThreads + threadIdx.x) * V;
       i < a.columns; i += static_cast<std::int64_t>(blocks) * kThreads * V) {
    const auto pack = load_pack<V>(x + i);
#pragma unroll
    for (int j = 0; j < V; ++j)
      best = max(best, key_of(to_float(pack.v[j]), static_cast<std::uint32_t>(i + j)));
  }
  best = largest_of_warp(best);
  if (threadIdx.x % kWarp == 0) found[threadIdx.x / kWarp] = best;
  __syncthreads();
  if (threadIdx.x < kWarp) {
    best = largest_of_warp(threadIdx.x < kThreads / kWarp ? found[threadIdx.x] : 0);
    __syncwarp();
    if (threadIdx.x == 0) found[0] = best;
  }
  cluster_barrier();
  if (rank == 0 && threadIdx.x == 0) {
    for (int b = 0; b < blocks; ++b) {
      const float4 words = load_cluster(shared_address(found), b);
      best = max(best, static_cast<Key>(__float_as_uint(words.y)) << 32 | __float_as_uint(words.x));
    }
    a.out[row] = static_cast<std::int64_t>(~static_cast<std::uint32_t>(best));
  }
  cluster_barrier();  // nobody leaves while it is read
}

}  // namespace

void argmax(const ArgmaxArgs& args, const Launch& where) {
  const int blocks = launches_overlap() ? kBlocks : 1;
  dispatch(args.dtype, [&](auto t) {
    using T = decltype(t);
    constexpr int V = kVector<T>;
    const bool packed =
        args.columns % V == 0 &&
        rows_aligned(args.x.data, 0, args.rows > 1 ? args.x.row_stride : 0, sizeof(T), 16);
    submit(packed ? argmax_kernel<T, V> : argmax_kernel<T, 1>, static_cast<int>(args.rows) * blocks,
           kThreads, 0, blocks, where, args);
  });
}

}  // namespace ssmprof::kernels::cuda
