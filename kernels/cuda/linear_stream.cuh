#pragma once

#include "kernels/cuda/linear_device.cuh"
#include "kernels/cuda/linear_end.cuh"
#include "kernels/cuda/linear_plan.hpp"
#include "kernels/cuda/programmatic.cuh"

/// The linear layer that streams its weights: K a multiple of 8, rows of x and weights aligned to
/// 16 bytes. The weights are the 16-row operand of the tensor cores, x the 8-column one. Every warp
/// copies the weights that it uses itself into a queue of steps of 32 inputs in shared memory, so
/// the main loop has no barrier; x of the block's inputs lies in shared memory whole, or in chunks
/// where it is too long. The queue is filled before the kernel ahead has ended. At last all warps
/// of all blocks of a cluster leave their sums in shared memory, and each block adds up its part of
/// the outputs, in one fixed order.
namespace ssmprof::kernels::cuda::linear_detail {

struct Params {
  const void* x;
  const void* weight;
  std::int64_t x_stride;
  int rows, inputs, outputs;
  int across, along;                     ///< of the plan
  int steps, queue, x_at, chunk, pitch;  ///< of the layout; the barrier lies behind the scales
  int scales_at;
  bool bulk;     ///< x by the copy engine
  bool overlap;  ///< the next kernel may start early
  FinishParams finish;
};

/// x of the steps [from, to) into shared memory, zeros behind the last input. All threads; they
/// meet when it is there, and the copy engine's work is waited for by wait_for_x().
template <class T>
__device__ void load_x(const Params& p, std::uint32_t x_at, std::uint32_t barrier, int from,
                       int to) {
  const T* const x = static_cast<const T*>(p.x) + static_cast<std::int64_t>(from) * kLinearStep;
  const int vectors = (to - from) * (kLinearStep / 8);
  const int given = min(vectors, (p.inputs - from * kLinearStep) / 8);
#if __CUDA_ARCH__ >= 900
  if (p.bulk) {
    const int blank = vectors - given;
    for (int i = threadIdx.x; i < blank * p.rows; i += blockDim.x) {
      const int row = i / blank;
      store_shared(x_at + row * p.pitch + (given + i - row * blank) * 16, uint4{});
    }
    if (threadIdx.x < kWarp) {
      fence_copy_engine();
      if (threadIdx.x == 0) mbarrier_expect(barrier, p.rows * given * 16);
      __syncwarp();
      for (int row = threadIdx.x; row < p.rows; row += kWarp)
        copy_bulk(x_at + row * p.pitch, x + row * p.x_stride, given * 16, barrier);
    }
    return;
  }
#endif
  const int items = vectors * p.rows;
  if (p.rows == 1) {
#pragma unroll 2
    for (int i = threadIdx.x; i < items; i += blockDim.x)
      store_shared(x_at + i * 16, i < given ? *reinterpret_cast<const uint4*>(x + i * 8) : uint4{});
    return;
  }
#pragma unroll 4
  for (int i = threadIdx.x; i < items; i += blockDim.x) {
    const int row = i / vectors, vector = i - row * vectors;
    uint4 v{};
    if (vector < given) v = *reinterpret_cast<const uint4*>(x + row * p.x_stride + vector * 8);
    store_shared(x_at + row * p.pitch + vector * 16, v);
  }
}

__device__ inline void wait_for_x(const Params& p, std::uint32_t barrier, std::uint32_t parity) {
  __syncthreads();
#if __CUDA_ARCH__ >= 900
  if (p.bulk) mbarrier_wait(barrier, parity);
#endif
}

/// MT tiles of 16 outputs per warp, NT tiles of 8 rows of x.
template <class T, int NT, int MT, End kEnd>
__global__ void __launch_bounds__(linear_most_warps(NT, MT) * kWarp, 1)
    linear_stream_kernel(const __grid_constant__ Params p) {
  constexpr int kQueue = linear_depth(MT), kBytes = linear_step_bytes(MT);
  unsigned char* const memory = block_memory();
  const std::uint32_t base = shared_address(memory), x_at = base + p.x_at;
  const std::uint32_t barrier = base + p.scales_at + kLinearScales;
  const int blocks = static_cast<int>(cluster_blocks()), rank = static_cast<int>(cluster_rank());
  const int warp = static_cast<int>(threadIdx.x) / kWarp, lane = threadIdx.x % kWarp;
  const int group = lane / 4, quarter = lane % 4;
  const int along = warp / p.across, across = warp - along * p.across;
  const int wide = p.across * MT * 16;
  const int first = static_cast<int>(blockIdx.x) / blocks * wide;
  const int begin = p.steps * rank / blocks, end = p.steps * (rank + 1) / blocks;

  // This lane's part of a step: 16 bytes of row `group` of each eight rows of weights. In shared
  // memory the four parts of a row change places from one pair of rows to the next, so that eight
  // rows of one part lie in distinct banks.
  const int top = first + across * MT * 16 + group;
  const auto* source = static_cast<const T*>(p.weight) + static_cast<std::int64_t>(top) * p.inputs +
                       (begin + along) * kLinearStep + quarter * 8;
  const std::uint32_t own = base + warp * p.queue * kBytes;
  const std::uint32_t place = own + (group * 4 + (quarter ^ (group / 2))) * 16;
  int next = begin + along, fill = 0;
  const auto request = [&] {
    if (next < end) {
      const bool inside = next * kLinearStep + quarter * 8 < p.inputs;
#pragma unroll
      for (int j = 0; j < MT * 2; ++j)
        copy_async(place + fill + j * kWarp * 16,
                   source + static_cast<std::int64_t>(j * 8) * p.inputs,
                   inside && top + j * 8 < p.outputs);
    }
    commit_copies();
    next += p.along, source += p.along * kLinearStep;
    fill = fill == (kQueue - 1) * kBytes ? 0 : fill + kBytes;
  };
#pragma unroll
  for (int i = 0; i < kQueue - 1; ++i) request();
  prefetch_end<T, kEnd>(p.finish, rank, blocks, first, wide);
#if __CUDA_ARCH__ >= 900
  if (p.bulk) {
    if (threadIdx.x == 0) barrier_init(barrier);
    __syncthreads();
  }
#endif
  if (p.overlap) let_next_grid_start();
  wait_for_previous_grid();
  Held<T, kEnd, NT == 1 ? 1 : 0> held;  // with many rows the sums need the registers
  held.load(p.finish, rank, blocks, first, wide);

  float sum[MT][NT][4] = {}, beside[MT][4] = {};
  // Rows of the matrices that this lane points at: of a tile of weights (its two eights for one
  // part, then for the next), and of x (its four parts). Behind the last row of x lies anything:
  // columns of the product that are not used.
  const int part = lane / 16, row = lane % 8;
  const std::uint32_t tile = own + (lane / 8 % 2 * kWarp + row * 4 + (part ^ (row / 2))) * 16;
  const std::uint32_t later =
      own + (lane / 8 % 2 * kWarp + row * 4 + ((part + 2) ^ (row / 2))) * 16;
  const std::uint32_t column =
      x_at + (NT == 1 ? min(row, p.rows - 1) : row) * p.pitch + lane / 8 * 16;

  float* const scales = reinterpret_cast<float*>(memory + p.scales_at);
  if (begin == end) scale_rows(p.finish, scales, p.across * p.along, [] {});
  int step = begin + along, used = 0;
  std::uint32_t parity = 0;
  for (int from = begin; from < end; from += p.chunk, parity ^= 1) {
    const int to = min(from + p.chunk, end);
    const auto load = [&] { load_x<T>(p, x_at, barrier, from, to); };
    if (from > begin) {
      __syncthreads();
      load();
    } else {
      scale_rows(p.finish, scales, p.across * p.along, load);
    }
    wait_for_x(p, barrier, parity);
    const auto load_weights = [&](uint4(&a)[MT][2]) {
#pragma unroll
      for (int t = 0; t < MT; ++t) {
        a[t][0] = load_matrices(tile + used + t * 2 * kWarp * 16);
        a[t][1] = load_matrices(later + used + t * 2 * kWarp * 16);
      }
      used = used == (kQueue - 1) * kBytes ? 0 : used + kBytes;
    };
    // With few rows a step is a chain of latencies: where all weights have been asked for, two at
    // once, each with its own sums.
    if constexpr (NT == 1) {
      if (begin + along + (kQueue - 1) * p.along >= end && to == end && from == begin) {
        wait_for_copies<0>();
        __syncwarp();
        for (; step + p.along < to; step += 2 * p.along) {
          uint4 a[2][MT][2], b[2];
#pragma unroll
          for (int s = 0; s < 2; ++s) {
            load_weights(a[s]);
            b[s] = load_matrices(column + (step + s * p.along - from) * kLinearStep * 2);
          }
#pragma unroll
          for (int s = 0; s < 2; ++s)
#pragma unroll
            for (int t = 0; t < MT; ++t) {
              mma_k16<T>(s == 0 ? sum[t][0] : beside[t], a[s][t][0], b[s].x, b[s].y);
              mma_k16<T>(s == 0 ? sum[t][0] : beside[t], a[s][t][1], b[s].z, b[s].w);
            }
        }
      }
    }
    for (; step < to; step += p.along) {
      wait_for_copies<kQueue - 2>();
      __syncwarp();
      uint4 a[MT][2];
      load_weights(a);
      request();  // into the place that the step before has emptied
      const std::uint32_t at = column + (step - from) * kLinearStep * 2;
#pragma unroll
      for (int i = 0; i < NT; ++i) {
        const uint4 b = load_matrices(at + i * 8 * p.pitch);
#pragma unroll
        for (int t = 0; t < MT; ++t) {
          mma_k16<T>(sum[t][i], a[t][0], b.x, b.y);
          mma_k16<T>(sum[t][i], a[t][1], b.z, b.w);
        }
      }
    }
  }
  if constexpr (NT == 1)
#pragma unroll
    for (int t = 0; t < MT; ++t)
#pragma unroll
      for (int j = 0; j < 4; ++j) sum[t][0][j] += beside[t][j];

  // The queues and x have been used up: the sums take their place.
  __syncthreads();
  const int pitch = wide + 4;  // four rows of one store in distinct banks
  const int block_sums = p.rows * pitch * 4;
  float* const sums = reinterpret_cast<float*>(memory) + along * p.rows * pitch;
#pragma unroll
  for (int t = 0; t < MT; ++t)
#pragma unroll
    for (int i = 0; i < NT; ++i)
#pragma unroll
      for (int j = 0; j < 4; ++j) {
        const int m = i * 8 + quarter * 2 + j % 2;
        if (m < p.rows) sums[m * pitch + (across * MT + t) * 16 + j / 2 * 8 + group] = sum[t][i][j];
      }
  if (blocks > 1)
    cluster_barrier();
  else
    __syncthreads();
  finish<T, kEnd>(
      p.finish,
      {base, static_cast<std::uint32_t>(block_sums), pitch, p.along, blocks, rank, scales}, first,
      wide, held);
  if (blocks > 1) cluster_barrier();  // nobody leaves while its sums are read
}

}  // namespace ssmprof::kernels::cuda::linear_detail
