#pragma once

#include "kernels/cuda/ssd_hopper.cuh"
#include "kernels/cuda/ssd_sm90.cuh"

/// Where a CTA of the chunked kernels works, how its shared memory is laid out, and the warpgroup
/// that feeds it.
namespace ssmprof::kernels::cuda::ssd_detail {

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
  static constexpr int kTimes = kState + 2 * kWarpgroups * kStateBytes;           // cs[64], cs'[64]
  static constexpr int kTimesStage = kWarpgroups * 128 * 4;
  static constexpr int kBarriers = kTimes + kStages * kTimesStage;
  static constexpr int kStateBarriers = kBarriers + 2 * kStages * 8;  // full[2], empty[2] per head
  static constexpr int kBytes = kStateBarriers + kWarpgroups * 4 * 8;
};

/// Where a CTA works.
struct HopperUnit {
  std::int64_t sequence, batch, first, length, segment, chunk_begin, chunk_end;
  int tile, group, pair0, pairs;  // (head, row tile) pairs of this CTA within the group

  __device__ explicit HopperUnit(const HopperParams& p, int warpgroups) {
    const SsdArgs& a = p.args;
    const auto tiles = static_cast<unsigned>(p.group_tiles * a.groups);
    // Volatile, so that a second HopperUnit costs instructions and not registers.
    unsigned x, y;
    asm volatile("mov.u32 %0, %%ctaid.x;\nmov.u32 %1, %%ctaid.y;" : "=r"(x), "=r"(y));
    tile = static_cast<int>(x % tiles);
    const unsigned rest = x / tiles;
    segment = y;
    sequence = rest;
    batch = sequence;
    first = 0;
    length = a.length;
    if (a.sequences.starts) {
      first = a.sequences.starts[sequence];
      length = a.sequences.starts[sequence + 1] - first;
      batch = 0;
    }
    group = tile / p.group_tiles;
    const int per_group = static_cast<int>(a.heads / a.groups * p.plan.row_tiles);
    pair0 = tile % p.group_tiles * warpgroups;
    pairs = min(warpgroups, per_group - pair0);
    const std::int64_t chunks = (length + kSsdChunk - 1) / kSsdChunk;
    chunk_begin = segment * p.plan.chunks_per_segment;
    chunk_end =
        p.plan.segments == 1 ? chunks : min(chunks, chunk_begin + p.plan.chunks_per_segment);
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

/// Feeds the ring. Warps 0 .. kWarpgroups-1 turn dt into cs and cs'; x, b and c come through the
/// bulk copy engine (issued by warp 3) or through all four warps.
template <typename T, int kWarpgroups, int kPanels, bool kOutputs, bool kBulk, bool kGate>
__device__ __forceinline__ void hopper_producer(const HopperParams& p, const HopperUnit& u,
                                                char* smem, int tid) {
  using Layout = HopperLayout<kWarpgroups, kPanels, kOutputs, kGate>;
  const SsdArgs& a = p.args;
  const std::uint32_t base = sm90::smem_address(smem);
  const std::uint32_t full = base + Layout::kBarriers, empty = full + Layout::kStages * 8;
  const int lane = tid % 32, warp = __shfl_sync(0xffffffffU, tid / 32, 0);
  if (kBulk && warp >= kWarpgroups && warp != 3) return;
  const bool times = warp < kWarpgroups && warp < u.pairs;
  const T* dt = nullptr;
  float bias = 0.0F, decay = 0.0F;
  if (times) {
    const int head = u.head(p, warp);
    dt = static_cast<const T*>(a.dt.data) + u.batch * a.dt.batch_stride +
         (u.first + u.chunk_begin * kSsdChunk + 2 * lane) * a.dt.row_stride + head;
    bias = a.dt_bias ? a.dt_bias[head] : 0.0F;
    decay = a.a[head] * 1.4426950408889634F;
  }
  // Tokens of the unit from the first chunk on, as the tail sees them.
  int rows = static_cast<int>(min(u.length - u.chunk_begin * kSsdChunk, std::int64_t{1} << 30));
  const int chunks = static_cast<int>(u.chunk_end - u.chunk_begin);
  const auto load_dt = [&](int chunk, T(&v)[2]) {
    const int t = chunk * static_cast<int>(kSsdChunk) + 2 * lane;
    v[0] = v[1] = from_float<T>(0.0F);
    if (times && t < rows) v[0] = dt[chunk * kSsdChunk * a.dt.row_stride];
    if (times && t + 1 < rows) v[1] = dt[(chunk * kSsdChunk + 1) * a.dt.row_stride];
  };
  T next[2][2];  // two chunks ahead
  load_dt(0, next[0]);
  load_dt(1, next[1]);
  int stage = 0;
  std::uint32_t phase = 0;
#pragma unroll 1
  for (int chunk = 0; chunk < chunks; ++chunk) {
    const std::uint32_t bar = full + stage * 8;
    const std::uint32_t s = base + stage * Layout::kStage;
    const std::int64_t t0 = (u.chunk_begin + chunk) * kSsdChunk;
    float* cs =
        reinterpret_cast<float*>(smem + Layout::kTimes + stage * Layout::kTimesStage) + warp * 128;
    float before = 0, sum = 0, d0 = 0, d1 = 0;
    const int left = rows - chunk * static_cast<int>(kSsdChunk);
    if (times) {  // ahead of the wait for the stage
      // Which of the two is used alternates: a copy would wait for the load in flight.
      if (chunk & 1) {
        d0 = to_float(next[1][0]), d1 = to_float(next[1][1]);
      } else {
        d0 = to_float(next[0][0]), d1 = to_float(next[0][1]);
      }
      d0 = 2 * lane < left ? p.dt.brief(d0, bias) : 0.0F;
      d1 = 2 * lane + 1 < left ? p.dt.brief(d1, bias) : 0.0F;
      if (chunk & 1) {
        load_dt(chunk + 2, next[1]);
      } else {
        load_dt(chunk + 2, next[0]);
      }
      sum = (d0 + d1) * decay;
#pragma unroll
      for (int o = 1; o < 32; o *= 2) {
        const float other = __shfl_up_sync(0xffffffffU, sum, o);
        if (lane >= o) sum += other;
      }
      before = sum - d1 * decay;
      d0 = before - __log2f(d0);
      d1 = sum - __log2f(d1);
    }
    sm90::mbarrier_wait(empty + stage * 8, phase ^ 1U);
    if (times) {
      reinterpret_cast<float2*>(cs)[lane] = make_float2(before, sum);
      reinterpret_cast<float2*>(cs + 64)[lane] = make_float2(d0, d1);
    }
    if constexpr (kBulk) {
      if (warp == 3 && lane == 0) {
        constexpr int kShared = kPanels * (kOutputs ? 2 : 1);
        sm90::mbarrier_expect(bar, (kShared + u.pairs * (kGate ? 2 : 1)) * sm90::kPanelBytes);
        const int t = static_cast<int>(t0), batch = static_cast<int>(u.batch);
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
      if (warp < kWarpgroups) sm90::mbarrier_arrive(bar);
    } else {
      const T* x = static_cast<const T*>(a.x.data) + u.batch * a.x.batch_stride +
                   (u.first + t0) * a.x.row_stride;
      const T* b = static_cast<const T*>(a.b.data) + u.batch * a.b.batch_stride +
                   (u.first + t0) * a.b.row_stride + u.group * a.state;
      const T* c = static_cast<const T*>(a.c.data) + u.batch * a.c.batch_stride +
                   (u.first + t0) * a.c.row_stride + u.group * a.state;
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
                       (u.first + t0) * a.z.row_stride;
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
