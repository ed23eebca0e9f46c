#pragma once

#include "kernels/cuda/ssd_hopper.cuh"
#include "kernels/cuda/ssd_sm90.cuh"

/// Where a CTA of the chunked kernels works, how its shared memory is laid out, and the warpgroup
/// that feeds it.
namespace ssmprof::kernels::cuda::ssd_detail {

/// What hangs on dt, per head and chunk: the factors 2^(cs[63] - cs'), cs, cs'.
constexpr int kTimesFloats = 192, kTimesSums = 64, kTimesLogs = 128;

template <int kWarpgroups, int kPanels, bool kOutputs, bool kGate>
struct HopperLayout {
  static constexpr int kStages = kPanels <= 2 && !kGate ? 3 : 2;
  static constexpr int kX = 0;
  static constexpr int kB = kX + kWarpgroups * sm90::kPanelBytes;
  static constexpr int kC = kB + kPanels * sm90::kPanelBytes;
  static constexpr int kZ = kC + (kOutputs ? kPanels * sm90::kPanelBytes : 0);
  static constexpr int kStage = kZ + (kGate ? kWarpgroups * sm90::kPanelBytes : 0);
  static constexpr int kState = kStages * kStage;
  static constexpr int kStateBytes = kOutputs ? kPanels * sm90::kPanelBytes : 0;  // one of two
  static constexpr int kTimes = kState + 2 * kWarpgroups * kStateBytes;
  static constexpr int kTimesStage = kWarpgroups * kTimesFloats * 4;
  static constexpr int kBarriers = kTimes + kStages * kTimesStage;
  static constexpr int kStateBarriers = kBarriers + 2 * kStages * 8;  // full[2], empty[2] per head
  static constexpr int kBytes = kStateBarriers + kWarpgroups * 4 * 8;
};

/// Where a CTA works: a stretch of the time of two heads. A segment of the outputs is as long as
/// `stretches` stretches of the states.
struct HopperUnit {
  std::int64_t sequence, batch;
  std::int64_t start;  ///< token of the first chunk, within the batch row
  int segment, chunk_begin, chunks;
  int rows;                       ///< tokens from `start` to the end of the sequence
  int tile, group, pair0, pairs;  ///< (head, row tile) pairs of this CTA within the group

  __device__ HopperUnit(const HopperParams& p, int warpgroups, bool outputs) {
    const SsdArgs& a = p.args;
    const auto tiles = static_cast<unsigned>(p.group_tiles * a.groups);
    // Volatile, so that a second HopperUnit costs instructions and not registers.
    unsigned x, y;
    asm volatile("mov.u32 %0, %%ctaid.x;\nmov.u32 %1, %%ctaid.y;" : "=r"(x), "=r"(y));
    tile = static_cast<int>(x % tiles);
    sequence = x / tiles;
    group = tile / p.group_tiles;
    const int per_group = static_cast<int>(a.heads / a.groups * p.plan.row_tiles);
    pair0 = tile % p.group_tiles * warpgroups;
    pairs = min(warpgroups, per_group - pair0);
    std::int64_t first = 0, length = a.length;
    batch = sequence;
    if (a.sequences.starts) {
      first = a.sequences.starts[sequence];
      length = a.sequences.starts[sequence + 1] - first;
      batch = 0;
    }
    const int all = static_cast<int>((length + kSsdChunk - 1) / kSsdChunk);
    const int stretches = outputs ? 1 : static_cast<int>(p.plan.stretches);
    const int per_segment = static_cast<int>(p.plan.chunks_per_segment);
    const int per_stretch = (per_segment + stretches - 1) / stretches;
    segment = static_cast<int>(y) / stretches;
    const int skipped = static_cast<int>(y) % stretches * per_stretch;
    chunk_begin = segment * per_segment + skipped;
    chunks = all - chunk_begin;
    if (p.plan.segments > 1) chunks = min(chunks, min(per_stretch, per_segment - skipped));
    start = first + static_cast<std::int64_t>(chunk_begin) * kSsdChunk;
    rows = static_cast<int>(length - static_cast<std::int64_t>(chunk_begin) * kSsdChunk);
  }
  __device__ int head(const HopperParams& p, int w) const {
    return static_cast<int>(group * (p.args.heads / p.args.groups) +
                            (pair0 + w) / p.plan.row_tiles);
  }
  __device__ int row0(const HopperParams& p, int w) const {
    return static_cast<int>((pair0 + w) % p.plan.row_tiles) * 64;
  }
};

/// Copies one panel [64 tokens × 64 columns] with 128 threads, zeros outside rows × columns.
template <typename T>
__device__ __forceinline__ void load_panel(std::uint32_t dst, const T* src, std::int64_t stride,
                                           int rows, int columns, int bytes, int tid) {
  const int r0 = tid / 8, c = tid % 8;
  dst += r0 * 128 + ((c ^ (r0 % 8)) * 16);
  const int valid = max(0, min(16, (columns - c * 8) * 2));
  if (bytes == 16) {
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const int r = r0 + 16 * i, n = r < rows ? valid : 0;
      sm90::cp_async16(dst + i * 2048, n > 0 ? src + r * stride + c * 8 : src, n);
    }
    return;
  }
#pragma unroll 1
  for (int i = 0; i < 4; ++i) {
    const int r = r0 + 16 * i, n = r < rows ? valid : 0;
    const T* s = src + r * stride + c * 8;
    if (bytes == 4) {
#pragma unroll
      for (int k = 0; k < 4; ++k) {
        const int m = max(0, min(4, n - 4 * k));
        sm90::cp_async4(dst + i * 2048 + 4 * k, m > 0 ? s + 2 * k : src, m);
      }
    } else {
      std::uint32_t v[8];
#pragma unroll
      for (int k = 0; k < 8; ++k) {
        v[k] = 2 * k + 2 <= n ? *reinterpret_cast<const std::uint16_t*>(s + k) : 0U;
      }
      asm volatile("st.shared.v4.b32 [%0], {%1,%2,%3,%4};" ::"r"(dst + i * 2048),
                   "r"(v[0] | v[1] << 16), "r"(v[2] | v[3] << 16), "r"(v[4] | v[5] << 16),
                   "r"(v[6] | v[7] << 16)
                   : "memory");
    }
  }
}

/// Feeds the ring. The warps take turns in summing dt, kWarpgroups chunks' heads at a time; x, b and
/// c come through the bulk copy engine (started by warp 3) or through all four warps. The states
/// take their chunks from the last to the first.
template <typename T, int kWarpgroups, int kPanels, bool kOutputs, bool kBulk, bool kGate>
__device__ __forceinline__ void hopper_producer(const HopperParams& p, const HopperUnit& u,
                                                char* smem, int tid) {
  using Layout = HopperLayout<kWarpgroups, kPanels, kOutputs, kGate>;
  constexpr int kTurns = 4 / kWarpgroups;
  const SsdArgs& a = p.args;
  const std::uint32_t base = sm90::smem_address(smem);
  const std::uint32_t full = base + Layout::kBarriers, empty = full + Layout::kStages * 8;
  const int lane = tid % 32, warp = __shfl_sync(0xffffffffU, tid / 32, 0);
  const int pair = warp % kWarpgroups;
  const bool times = pair < u.pairs;
  const int chunks = u.chunks;
  const auto place = [&](int n) { return kOutputs ? n : chunks - 1 - n; };
  const T* dt = nullptr;
  float bias = 0.0F, decay = 0.0F;
  if (times) {
    const int head = u.head(p, pair);
    dt = static_cast<const T*>(a.dt.data) + u.batch * a.dt.batch_stride +
         (u.start + 2 * lane) * a.dt.row_stride + head;
    bias = a.dt_bias ? a.dt_bias[head] : 0.0F;
    decay = a.a[head] * 1.4426950408889634F;
  }
  T next[2];  // of the warp's next chunk
  const auto load_dt = [&](int n) {
    const int chunk = place(n), t = chunk * static_cast<int>(kSsdChunk) + 2 * lane;
    next[0] = next[1] = from_float<T>(0.0F);
    if (!times || n >= chunks) return;
    if (t < u.rows) next[0] = dt[chunk * kSsdChunk * a.dt.row_stride];
    if (t + 1 < u.rows) next[1] = dt[(chunk * kSsdChunk + 1) * a.dt.row_stride];
  };
  load_dt(warp / kWarpgroups);
  int stage = 0;
  std::uint32_t phase = 0;
#pragma unroll 1
  for (int n = 0; n < chunks; ++n) {
    const std::uint32_t bar = full + stage * 8;
    const std::uint32_t s = base + stage * Layout::kStage;
    const int skipped = place(n) * static_cast<int>(kSsdChunk), left = u.rows - skipped;
    if (kBulk && warp == 3) {
      if (lane == 0) {
        sm90::mbarrier_wait(empty + stage * 8, phase ^ 1U);
        constexpr int kShared = kPanels * (kOutputs ? 2 : 1);
        sm90::mbarrier_expect(bar, (kShared + u.pairs * (kGate ? 2 : 1)) * sm90::kPanelBytes);
        const int t = static_cast<int>(u.start) + skipped, batch = static_cast<int>(u.batch);
#pragma unroll
        for (int i = 0; i < kPanels; ++i) {
          sm90::tma_panel(s + Layout::kB + i * sm90::kPanelBytes, &p.b_map, bar, 64 * i, u.group, t,
                          batch);
          if constexpr (kOutputs) {
            sm90::tma_panel(s + Layout::kC + i * sm90::kPanelBytes, &p.c_map, bar, 64 * i, u.group,
                            t, batch);
          }
        }
#pragma unroll
        for (int w = 0; w < kWarpgroups; ++w) {
          if (w < u.pairs) {
            sm90::tma_panel(s + Layout::kX + w * sm90::kPanelBytes, &p.x_map, bar, u.row0(p, w),
                            u.head(p, w), t, batch);
            if constexpr (kGate) {
              sm90::tma_panel(s + Layout::kZ + w * sm90::kPanelBytes, &p.z_map, bar, u.row0(p, w),
                              u.head(p, w), t, batch);
            }
          }
        }
      }
      __syncwarp();
    }
    if (n % kTurns == warp / kWarpgroups) {
      float d0 = to_float(next[0]), d1 = to_float(next[1]);
      load_dt(n + kTurns);
      d0 = 2 * lane < left ? p.dt.brief(d0, bias) : 0.0F;
      d1 = 2 * lane + 1 < left ? p.dt.brief(d1, bias) : 0.0F;
      float sum = (d0 + d1) * decay;
#pragma unroll
      for (int o = 1; o < 32; o *= 2) {
        const float other = __shfl_up_sync(0xffffffffU, sum, o);
        if (lane >= o) sum += other;
      }
      const float end = __shfl_sync(0xffffffffU, sum, 31), before = sum - d1 * decay;
      auto* to = reinterpret_cast<float2*>(smem + Layout::kTimes + stage * Layout::kTimesStage) +
                 pair * (kTimesFloats / 2) + lane;
      sm90::mbarrier_wait(empty + stage * 8, phase ^ 1U);
      to[0] = make_float2(sm90::exp2_fast(end - before) * d0, sm90::exp2_fast(end - sum) * d1);
      to[kTimesSums / 2] = make_float2(before, sum);
      if constexpr (kOutputs) {
        to[kTimesLogs / 2] = make_float2(before - __log2f(d0), sum - __log2f(d1));
      }
      if constexpr (kBulk) sm90::mbarrier_arrive(bar);
    }
    if constexpr (!kBulk) {
      sm90::mbarrier_wait(empty + stage * 8, phase ^ 1U);
      const T* x = static_cast<const T*>(a.x.data) + u.batch * a.x.batch_stride +
                   (u.start + skipped) * a.x.row_stride;
      const T* b = static_cast<const T*>(a.b.data) + u.batch * a.b.batch_stride +
                   (u.start + skipped) * a.b.row_stride + u.group * a.state;
      const T* c = static_cast<const T*>(a.c.data) + u.batch * a.c.batch_stride +
                   (u.start + skipped) * a.c.row_stride + u.group * a.state;
#pragma unroll 1
      for (int i = 0; i < kPanels; ++i) {
        const int columns = static_cast<int>(a.state) - 64 * i;
        load_panel(s + Layout::kB + i * sm90::kPanelBytes, b + 64 * i, a.b.row_stride, left,
                   columns, p.b_bytes, tid);
        if constexpr (kOutputs) {
          load_panel(s + Layout::kC + i * sm90::kPanelBytes, c + 64 * i, a.c.row_stride, left,
                     columns, p.c_bytes, tid);
        }
      }
#pragma unroll 1
      for (int w = 0; w < u.pairs; ++w) {
        const int row0 = u.row0(p, w);
        load_panel(s + Layout::kX + w * sm90::kPanelBytes,
                   x + static_cast<std::int64_t>(u.head(p, w)) * a.head_dim + row0, a.x.row_stride,
                   left, static_cast<int>(a.head_dim) - row0, p.x_bytes, tid);
        if constexpr (kGate) {
          const T* z = static_cast<const T*>(a.z.data) + u.batch * a.z.batch_stride +
                       (u.start + skipped) * a.z.row_stride;
          load_panel(s + Layout::kZ + w * sm90::kPanelBytes,
                     z + static_cast<std::int64_t>(u.head(p, w)) * a.head_dim + row0,
                     a.z.row_stride, left, static_cast<int>(a.head_dim) - row0, p.z_bytes, tid);
        }
      }
      // The readers fence: scalar copies are ordinary stores.
      sm90::cp_async_arrive(bar);
      sm90::mbarrier_arrive(bar);
    }
    if (++stage == Layout::kStages) stage = 0, phase ^= 1U;
  }
}

}  // namespace ssmprof::kernels::cuda::ssd_detail
