#pragma once

#include "kernels/cuda/ssd_hopper_unit.cuh"

/// What fills the ring: x, b and c by the bulk copy engine, or these and z by hand, and the sums of
/// dt.
namespace ssmprof::kernels::cuda::ssd_detail {

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
    if (bytes >= 4) {
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

/// Copies a chunk with 128 threads.
template <typename T, typename Layout, int kWarpgroups, int kPanels, bool kOutputs, bool kGate>
__device__ __forceinline__ void load_chunk(const HopperParams& p, const HopperUnit& u, int chunk,
                                           std::uint32_t s, int tid) {
  const SsdArgs& a = p.args;
  const int skipped = chunk * static_cast<int>(kSsdChunk), left = u.rows - skipped;
  const auto row = [&](const ConstRows& rows) {
    return static_cast<const T*>(rows.data) + u.batch * rows.batch_stride +
           (u.start + skipped) * rows.row_stride;
  };
#pragma unroll 1
  for (int i = 0; i < kPanels; ++i) {
    const int columns = static_cast<int>(a.state) - 64 * i, at = i * sm90::kPanelBytes;
    const std::int64_t from = u.group * a.state + 64 * i;
    load_panel(s + Layout::kB + at, row(a.b) + from, a.b.row_stride, left, columns, p.b_bytes, tid);
    if constexpr (kOutputs) {
      load_panel(s + Layout::kC + at, row(a.c) + from, a.c.row_stride, left, columns, p.c_bytes,
                 tid);
    }
  }
#pragma unroll 1
  for (int w = 0; w < u.pairs; ++w) {
    const int row0 = u.row0(p, w), at = w * sm90::kPanelBytes;
    const int columns = static_cast<int>(a.head_dim) - row0;
    const std::int64_t from = static_cast<std::int64_t>(u.head(p, w)) * a.head_dim + row0;
    load_panel(s + Layout::kX + at, row(a.x) + from, a.x.row_stride, left, columns, p.x_bytes, tid);
    if constexpr (kGate) {
      load_panel(s + Layout::kZ + at, row(a.z) + from, a.z.row_stride, left, columns, p.z_bytes,
                 tid);
    }
  }
}

/// Sums dt, a warp per chunk in turn, half a warp per head, four tokens per lane: cs and what hangs
/// on it, into the stage of the chunk.
template <typename T, int kWarpgroups, bool kLogs>
struct TimesRole {
  const T* dt = nullptr;
  float bias = 0.0F, decay = 0.0F;
  T next[4];  ///< of the warp's next chunk

  __device__ TimesRole(const HopperParams& p, const HopperUnit& u, int lane) {
    const SsdArgs& a = p.args;
    if (lane / 16 >= u.pairs) return;
    const int head = u.head(p, lane / 16);
    dt = static_cast<const T*>(a.dt.data) + u.batch * a.dt.batch_stride +
         (u.start + lane % 16 * 4) * a.dt.row_stride + head;
    bias = a.dt_bias ? a.dt_bias[head] : 0.0F;
    decay = a.a[head] * 1.4426950408889634F;
  }
  /// `left`: tokens from the chunk's first on.
  __device__ void load(const HopperParams& p, int chunk, int left, int lane) {
    const T* from = dt + static_cast<std::int64_t>(chunk) * kSsdChunk * p.args.dt.row_stride;
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      next[i] = from_float<T>(0.0F);
      if (dt && lane % 16 * 4 + i < left) next[i] = from[i * p.args.dt.row_stride];
    }
  }
  struct Values {
    float d[4], cs[4], end;
  };
  __device__ Values sum(const HopperParams& p, int left, int lane) const {
    Values v;
    float sum = 0.0F;
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      v.d[i] = lane % 16 * 4 + i < left ? p.dt.brief(to_float(next[i]), bias) : 0.0F;
      sum += v.d[i] * decay;
      v.cs[i] = sum;
    }
    float all = sum;
#pragma unroll
    for (int o = 1; o < 16; o *= 2) {
      const float other = __shfl_up_sync(0xffffffffU, all, o, 16);
      if (lane % 16 >= o) all += other;
    }
    const float before = all - sum;
#pragma unroll
    for (int i = 0; i < 4; ++i) v.cs[i] += before;
    v.end = __shfl_sync(0xffffffffU, v.cs[3], 15, 16);
    return v;
  }
  static __device__ void store(const Values& v, std::uint32_t stage, int lane) {
    if (lane / 16 >= kWarpgroups) return;
    const std::uint32_t to = stage + lane / 16 * (kTimesFloats * 4) + lane % 16 * 16;
    float f[4], log[4];
#pragma unroll
    for (int i = 0; i < 4; ++i) f[i] = sm90::exp2_fast(v.end - v.cs[i]) * v.d[i];
    sm90::store_shared16(to, f);
    sm90::store_shared16(to + kTimesSums * 4, v.cs);
    if constexpr (kLogs) {
#pragma unroll
      for (int i = 0; i < 4; ++i) log[i] = v.cs[i] - __log2f(v.d[i]);
      sm90::store_shared16(to + kTimesLogs * 4, log);
    }
  }
};

/// Starts the bulk copies of x, b and c, and has z brought into the L2: a warp, of which one lane
/// issues.
template <typename Layout, int kWarpgroups, int kPanels, Form kForm, bool kGate>
__device__ __forceinline__ void copy_role(const HopperParams& p, const HopperUnit& u,
                                          std::uint32_t base, int lane) {
  const std::uint32_t full = base + Layout::kBarriers, empty = full + Layout::kStages * 8;
  const Passage<kForm> passage(p, u);
  const int pairs = u.pairs, group = u.group, batch = static_cast<int>(u.batch);
  const int start = static_cast<int>(u.start);
  int head[kWarpgroups], row0[kWarpgroups];
#pragma unroll
  for (int w = 0; w < kWarpgroups; ++w) head[w] = u.head(p, w), row0[w] = u.row0(p, w);
  int stage = 0;
  std::uint32_t phase = 1;
  const auto start_chunk = [&](int n) {
    const std::uint32_t bar = full + stage * 8, s = base + stage * Layout::kStage;
    const int t = start + passage.chunk(n) * static_cast<int>(kSsdChunk);
    const bool outputs = kForm != Form::states && n >= passage.backward;
    mbarrier_wait(empty + stage * 8, phase);
    if (lane == 0) {
      mbarrier_expect(bar, ((outputs ? 2 * kPanels : kPanels) + pairs) * sm90::kPanelBytes);
#pragma unroll
      for (int i = 0; i < kPanels; ++i) {
        const int at = i * sm90::kPanelBytes;
        sm90::tma_panel(s + Layout::kB + at, &p.b_map, bar, 64 * i, group, t, batch);
        if (outputs) sm90::tma_panel(s + Layout::kC + at, &p.c_map, bar, 64 * i, group, t, batch);
      }
#pragma unroll
      for (int w = 0; w < kWarpgroups; ++w) {
        if (w >= pairs) break;
        const int at = w * sm90::kPanelBytes;
        sm90::tma_panel(s + Layout::kX + at, &p.x_map, bar, row0[w], head[w], t, batch);
        if (kGate && outputs && p.z_ahead) {
          sm90::tma_prefetch_panel(&p.z_map, row0[w], head[w], t, batch);
        }
      }
    }
    __syncwarp();
    if (++stage == Layout::kStages) stage = 0, phase ^= 1U;
  };
  int n = 0;
  if constexpr (kForm == Form::both) {
    while (n < min(Layout::kStages, passage.total)) start_chunk(n++);
    sm90::cluster_wait();
  }
#pragma unroll 1
  for (; n < passage.total; ++n) start_chunk(n);
}

}  // namespace ssmprof::kernels::cuda::ssd_detail
