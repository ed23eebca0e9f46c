#pragma once

#include "kernels/cuda/linear_end.cuh"
#include "kernels/cuda/linear_plan.hpp"
#include "kernels/cuda/linear_wgmma.cuh"
#include "kernels/cuda/programmatic.cuh"
#include "kernels/cuda/ssd_wgmma.cuh"

/// The linear layer for more than a few rows, on Hopper: up to 64 rows of x are the left operand of
/// warpgroup products, the weights of a block's outputs the right one. One warp has the copy engine
/// bring both in stages of 64 inputs; the weights of the first stages before the kernel ahead has
/// ended. The blocks of a cluster share the inputs; their sums meet in distributed shared memory.
namespace ssmprof::kernels::cuda::linear_detail {

constexpr int kWideStep = 64, kWideX = 64 * 128;  ///< inputs and bytes of x of a stage
constexpr int kWideThreads = 256, kWideScalers = 96;

struct WideParams {
  CUtensorMap weight, x;
  int steps, stages, pitch;
  int windows, taps, tail;  ///< byte offsets of HeldWindows' and of the scales and barriers
  bool overlap;
  FinishParams finish;
};

__device__ inline void copy_box(std::uint32_t to, const CUtensorMap* map, std::uint32_t barrier,
                                int input, int row) {
  asm volatile(
      "cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], "
      "[%1, {%3, %4}], [%2];" ::"r"(to),
      "l"(map), "r"(barrier), "r"(input), "r"(row)
      : "memory");
}

/// What is read once only: the L2 gives it up first.
__device__ inline void copy_box_once(std::uint32_t to, const CUtensorMap* map,
                                     std::uint32_t barrier, int input, int row) {
  constexpr std::uint64_t kEvictFirst = 0x12F0000000000000;  // as createpolicy encodes it
  asm volatile(
      "cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes"
      ".L2::cache_hint [%0], [%1, {%3, %4}], [%2], %5;" ::"r"(to),
      "l"(map), "r"(barrier), "r"(input), "r"(row), "l"(kEvictFirst)
      : "memory");
}

/// A warpgroup with kTile outputs, the copying warp, and warps that add up the scales meanwhile and
/// have their part in the end.
template <class T, int kTile, End kEnd>
__global__ void __launch_bounds__(kWideThreads)
    linear_wide_kernel(const __grid_constant__ WideParams p) {
#if __CUDA_ARCH__ >= 900
  constexpr int kStage = kWideX + kTile * 128;
  const std::uint32_t memory = shared_address(block_memory());
  const std::uint32_t base = (memory + 1023) / 1024 * 1024;
  const std::uint32_t full = base + p.tail + kLinearScales, empty = full + p.stages * 8;
  auto* const scales = reinterpret_cast<float*>(block_memory() + (base - memory) + p.tail);
  const int blocks = static_cast<int>(cluster_blocks()), rank = static_cast<int>(cluster_rank());
  const int warp = static_cast<int>(threadIdx.x) / kWarp, lane = threadIdx.x % kWarp;
  const int first = static_cast<int>(blockIdx.x) / blocks * kTile;
  const int begin = p.steps * rank / blocks, count = p.steps * (rank + 1) / blocks - begin;

  if (threadIdx.x == 128) {
    asm volatile("prefetch.tensormap [%0];" ::"l"(&p.weight) : "memory");
    asm volatile("prefetch.tensormap [%0];" ::"l"(&p.x) : "memory");
  }
  if (threadIdx.x == 0) {
    for (int s = 0; s < p.stages; ++s) {
      mbarrier_init(full + s * 8, 1);
      mbarrier_init(empty + s * 8, 4);
    }
    asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
    sm90::fence_async();
  }
  __syncthreads();
  if (p.overlap) let_next_grid_start();

  auto held = [&] {
    if constexpr (kEnd == End::conv)
      return HeldWindows<T>{base + p.windows, block_memory() + (base - memory) + p.taps};
    else
      return Held<T, kEnd, 4>{};
  }();
  if (warp == 4) {
    const auto weights = [&](int i, int stage) {
      mbarrier_expect(full + stage * 8, kStage);
      copy_box_once(base + stage * kStage + kWideX, &p.weight, full + stage * 8,
                    (begin + i) * kWideStep, first);
    };
    const auto x = [&](int i, int stage) {
      copy_box(base + stage * kStage, &p.x, full + stage * 8, (begin + i) * kWideStep, 0);
    };
    const int ahead = min(p.stages, count);
    if (lane == 0)
      for (int i = 0; i < ahead; ++i) weights(i, i);
    wait_for_previous_grid();
    if (lane == 0)
      for (int i = 0; i < ahead; ++i) x(i, i);
    __syncwarp();
    if constexpr (kEnd != End::plain) held.load(p.finish, rank, blocks, first, kTile);
    if (lane == 0) {
      int stage = 0;
      std::uint32_t parity = 0;
      // Two at once where that leaves enough in flight: neighbouring weights in one go.
      const int together = p.stages > 3 ? 2 : 1;
      for (int i = ahead; i < count;) {
        const int last = min(i + together, count), from = stage;
        for (int j = i; j < last; ++j) {
          mbarrier_wait(empty + stage * 8, parity);
          if (++stage == p.stages) stage = 0, parity ^= 1;
        }
        for (int j = i; j < last; ++j) weights(j, (from + j - i) % p.stages);
        for (int j = i; j < last; ++j) x(j, (from + j - i) % p.stages);
        i = last;
      }
    }
    __syncwarp();
    __syncthreads();
  } else {
    // The convolution's state is the layer's own: no kernel in flight writes it.
    if constexpr (kEnd == End::conv) held.load(p.finish, rank, blocks, first, kTile);
    if constexpr (kEnd == End::residual)
      prefetch_end<T, kEnd>(p.finish, rank, blocks, first, kTile);
    wait_for_previous_grid();
    if constexpr (kEnd == End::residual) held.load(p.finish, rank, blocks, first, kTile);
    if (warp > 4) {
      constexpr int kFirst = kWideThreads - kWideScalers;
      scale_many_rows<kWideScalers>(p.finish, scales, static_cast<int>(threadIdx.x) - kFirst);
      __syncthreads();
    } else {
      float sums[kTile / 2] = {};
      int stage = 0;
      std::uint32_t parity = 0;
      for (int i = 0; i < count; ++i) {
        mbarrier_wait(full + stage * 8, parity);
        __syncwarp();
        const std::uint32_t at = base + stage * kStage;
        const std::uint64_t a = sm90::panel_descriptor(at);
        const std::uint64_t b = sm90::panel_descriptor(at + kWideX);
        sm90::wgmma_fence();
#pragma unroll
        for (int k = 0; k < kWideStep / 16; ++k) wgmma<T, kTile>(sums, a + k * 2, b + k * 2);
        sm90::wgmma_commit();
        sm90::wgmma_wait<0>();
        if (lane == 0) mbarrier_arrive(empty + stage * 8);
        if (++stage == p.stages) stage = 0, parity ^= 1;
      }
      sm90::pin(sums);
      __syncthreads();  // the sums take the place of the stages
      float* const table = reinterpret_cast<float*>(block_memory() + (base - memory));
      const int row = warp * 16 + lane / 4, column = lane % 4 * 2;
#pragma unroll
      for (int j = 0; j < kTile / 8; ++j)
#pragma unroll
        for (int half = 0; half < 2; ++half)
          if (row + half * 8 < p.finish.rows)
            store_pack(table + (row + half * 8) * p.pitch + column + j * 8,
                       Pack<float, 2>{sums[j * 4 + half * 2], sums[j * 4 + half * 2 + 1]});
    }
  }
  if constexpr (kEnd == End::conv) wait_for_copies<0>();
  if (blocks > 1)
    cluster_barrier();
  else
    __syncthreads();
  finish(p.finish, {base, 0, p.pitch, 1, blocks, rank, scales}, first, kTile, held);
  if (blocks > 1) cluster_barrier();  // nobody leaves while its sums are read
#endif
}

}  // namespace ssmprof::kernels::cuda::linear_detail
