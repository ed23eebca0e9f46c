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
  static constexpr int kReadyBarriers = kStateBarriers + kWarpgroups * 4 * 8;  // outputs: 2 per head
  static constexpr int kDecays = kReadyBarriers + kWarpgroups * 2 * 8;  // of the stretch, per head
  static constexpr int kBytes = kDecays + kWarpgroups * 4;
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
    const auto tiles = static_cast<unsigned>(p.group_tiles * static_cast<int>(a.groups));
    // Volatile, so that a second HopperUnit costs instructions and not registers.
    unsigned x, y;
    asm volatile("mov.u32 %0, %%ctaid.x;\nmov.u32 %1, %%ctaid.y;" : "=r"(x), "=r"(y));
    tile = static_cast<int>(x % tiles);
    sequence = x / tiles;
    group = tile / p.group_tiles;
    const int per_group = static_cast<int>(a.heads) / static_cast<int>(a.groups) *
                          static_cast<int>(p.plan.row_tiles);
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
    const int per_group = static_cast<int>(p.args.heads) / static_cast<int>(p.args.groups);
    return group * per_group + (pair0 + w) / static_cast<int>(p.plan.row_tiles);
  }
  __device__ int row0(const HopperParams& p, int w) const {
    return (pair0 + w) % static_cast<int>(p.plan.row_tiles) * 64;
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

/// What a launch computes: the states of the stretches, the outputs, or first one, then the other.
enum class Form { states, outputs, both };

/// The chunks of a CTA in the order in which they pass through the ring: `backward` from the last to
/// the first for the state that it reaches, then forward for the outputs.
template <Form kForm>
struct Passage {
  int backward, total;
  __device__ explicit Passage(const HopperParams& p, const HopperUnit& u) {
    const int chunks = max(u.chunks, 0);
    backward = kForm == Form::outputs ? 0 : chunks;
    if (kForm == Form::both && u.segment + 1 == p.plan.segments) backward = 0;
    total = kForm == Form::states ? chunks : backward + chunks;
  }
  __device__ int chunk(int n) const { return n < backward ? backward - 1 - n : n - backward; }
  /// Up to here the ring is filled before the states are carried.
  __device__ int ahead(int stages) const { return min(backward + stages, total); }
};

/// The part in the carry of threads that do not carry: the blocks of the cluster have left their
/// states, then the states have been carried.
__device__ __forceinline__ void carry_elsewhere() {
  sm90::cluster_barrier();
  sm90::cluster_barrier();
}

/// Starts the bulk copies of x, b, c and z: a warp, of which one lane issues.
template <typename Layout, int kWarpgroups, int kPanels, Form kForm, bool kGate>
__device__ __forceinline__ void copy_role(const HopperParams& p, const HopperUnit& u,
                                          std::uint32_t base, int lane) {
  const std::uint32_t full = base + Layout::kBarriers, empty = full + Layout::kStages * 8;
  const Passage<kForm> passage(p, u);
  const int pairs = u.pairs, group = u.group, batch = static_cast<int>(u.batch);
  const int start = static_cast<int>(u.start), ahead = passage.ahead(Layout::kStages);
  int head[kWarpgroups], row0[kWarpgroups];
#pragma unroll
  for (int w = 0; w < kWarpgroups; ++w) head[w] = u.head(p, w), row0[w] = u.row0(p, w);
  int stage = 0;
  std::uint32_t phase = 1;
  const auto start_chunk = [&](int n) {
    const std::uint32_t bar = full + stage * 8, s = base + stage * Layout::kStage;
    const int t = start + passage.chunk(n) * static_cast<int>(kSsdChunk);
    const bool outputs = kForm != Form::states && n >= passage.backward;
    sm90::mbarrier_wait(empty + stage * 8, phase);
    if (lane == 0) {
      sm90::mbarrier_expect(
          bar, (outputs ? 2 * kPanels + pairs * (kGate ? 2 : 1) : kPanels + pairs) * sm90::kPanelBytes);
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
        if (kGate && outputs) {
          sm90::tma_panel(s + Layout::kZ + at, &p.z_map, bar, row0[w], head[w], t, batch);
        }
      }
    }
    __syncwarp();
    if (++stage == Layout::kStages) stage = 0, phase ^= 1U;
  };
  int n = 0;
  if constexpr (kForm == Form::both) {
#pragma unroll 1
    for (; n < ahead; ++n) start_chunk(n);
    carry_elsewhere();
  }
#pragma unroll 1
  for (; n < passage.total; ++n) start_chunk(n);
}

/// Takes the outputs of pair w, which stand in the place of its X, to memory: a warp.
template <typename T, typename Layout>
struct OutputRows {
  T* out;    ///< the lane's 16 bytes of its first row: a row per 8 lanes
  int rows;  ///< to the end of the sequence, counted from there
  int columns, w;
  bool any;

  __device__ OutputRows(const HopperParams& p, const HopperUnit& u, int pair, int lane)
      : rows(u.rows - lane / 8), w(pair), any(pair < u.pairs) {
    const SsdArgs& a = p.args;
    const int row0 = u.row0(p, w), column = row0 + lane % 8 * 8;
    columns = min(64 - lane % 8 * 8, static_cast<int>(a.head_dim) - column);
    out = static_cast<T*>(a.out.data) + u.batch * a.out.batch_stride +
          (u.start + lane / 8) * a.out.row_stride +
          static_cast<std::int64_t>(u.head(p, w)) * a.head_dim + column;
    if (columns <= 0) rows = 0;
  }
  /// The unit's chunk n, at place `at` of the ring.
  __device__ __forceinline__ void store(const HopperParams& p, std::uint32_t base, int n, int at,
                                        int lane) {
    if (!any) return;
    const int stage = at % Layout::kStages;
    const std::uint32_t panel =
        base + stage * Layout::kStage + Layout::kX + w * sm90::kPanelBytes + lane / 8 * 128;
    // Rows 4i + lane / 8: the piece of the lane alternates between two places.
    const std::uint32_t even = panel + ((lane % 8 ^ lane / 8) * 16);
    const std::int64_t step = 4 * p.args.out.row_stride;
    sm90::mbarrier_wait(base + Layout::kReadyBarriers + (w * 2 + (n & 1)) * 8, n >> 1 & 1);
#pragma unroll 1
    for (int i = 0; i < 16; i += 2) {
      const uint4 v = sm90::load_shared16(even + i * 512);
      const uint4 next = sm90::load_shared16((even ^ 64) + i * 512 + 512);
      if (p.out_vector) {
        if (i * 4 < rows) *reinterpret_cast<uint4*>(out) = v;
        if (i * 4 + 4 < rows) *reinterpret_cast<uint4*>(out + step) = next;
      } else {
        if (i * 4 < rows) store_elements(out, v);
        if (i * 4 + 4 < rows) store_elements(out + step, next);
      }
      out += 2 * step;
    }
    rows -= static_cast<int>(kSsdChunk);
    __syncwarp();
    if (lane == 0) sm90::mbarrier_arrive(base + Layout::kBarriers + (Layout::kStages + stage) * 8);
  }
  __device__ __forceinline__ void store_elements(T* to, uint4 v) const {
    const std::uint32_t words[4] = {v.x, v.y, v.z, v.w};
    auto* o = reinterpret_cast<std::uint16_t*>(to);
#pragma unroll
    for (int k = 0; k < 8; ++k) {
      if (k < columns) o[k] = static_cast<std::uint16_t>(words[k / 2] >> (16 * (k % 2)));
    }
  }
};

/// Feeds the ring, and empties it of outputs: one warp (of the states: as many as there are stages,
/// each its own) sums dt, one per pair takes outputs to memory; x, b and c come through the bulk
/// copy engine, started by the last, or through all four warps.
template <typename T, int kWarpgroups, int kPanels, Form kForm, bool kBulk, bool kGate>
__device__ __forceinline__ void hopper_producer(const HopperParams& p, const HopperUnit& u,
                                                std::uint32_t base, int tid) {
  constexpr bool kOutputs = kForm != Form::states;
  using Layout = HopperLayout<kWarpgroups, kPanels, kOutputs, kGate>;
  constexpr int kStages = Layout::kStages;
  static_assert(kWarpgroups <= 2 && (kForm != Form::both || (kBulk && kStages == 3)));
  const std::uint32_t full = base + Layout::kBarriers, empty = full + kStages * 8;
  const int lane = tid % 32, warp = __shfl_sync(0xffffffffU, tid / 32, 0);
  const Passage<kForm> passage(p, u);
  const int backward = passage.backward, total = passage.total, rows = u.rows;
  const bool stores = kOutputs && warp > 0 && warp <= kWarpgroups;
  if (kBulk && warp == 3) {
    copy_role<Layout, kWarpgroups, kPanels, kForm, kGate>(p, u, base, lane);
    return;
  }
  if constexpr (kBulk) {
    // Backward a warp per stage sums dt, forward the first alone.
    const int end = warp == 0 ? total : backward;
    const auto after = [&](int n) {
      if (n >= backward) return n + 1;
      return n + kStages < backward ? n + kStages : warp == 0 ? backward : end;
    };
    if (warp < kStages && !(kForm == Form::outputs && warp > 0)) {
      TimesRole<T, kWarpgroups, kOutputs> times(p, u, lane);
      const auto left_at = [&](int n) {
        return rows - passage.chunk(n) * static_cast<int>(kSsdChunk);
      };
      const auto load = [&](int n) {
        if (n < end) times.load(p, passage.chunk(n), left_at(n), lane);
      };
      int n = warp < backward ? warp : warp == 0 ? backward : end;
      load(n);
      const auto sum_until = [&](int last) {
#pragma unroll 1
        while (n < last) {
          const int stage = n % kStages;
          const auto values = times.sum(p, left_at(n), lane);
          const int next = after(n);
          load(next);
          sm90::mbarrier_wait(empty + stage * 8, (n / kStages & 1) ^ 1);
          times.store(values, base + Layout::kTimes + stage * Layout::kTimesStage, lane);
          sm90::mbarrier_arrive(full + stage * 8);
          n = next;
        }
      };
      if constexpr (kForm == Form::both) {
        sum_until(min(end, passage.ahead(kStages)));
        carry_elsewhere();
      }
      sum_until(end);
    }
    if (!stores) return;
    OutputRows<T, Layout> out(p, u, warp - 1, lane);
#pragma unroll 1
    for (int n = 0; n < total - backward; ++n) out.store(p, base, n, backward + n, lane);
  } else {
    constexpr int kTurns = kOutputs ? 1 : kStages;
    TimesRole<T, kWarpgroups, kOutputs> times(p, u, lane);
    const auto left_at = [&](int n) {
      return rows - passage.chunk(n) * static_cast<int>(kSsdChunk);
    };
    const auto load = [&](int n) {
      if (n < total) times.load(p, passage.chunk(n), left_at(n), lane);
    };
    if (warp < kTurns) load(warp);
    OutputRows<T, Layout> out(p, u, stores ? warp - 1 : u.pairs, lane);
    int turn = 0;
#pragma unroll 1
    for (int n = 0; n < total + (kOutputs ? kStages : 0); ++n) {
      const int leaving = n - kStages;
      if (stores && leaving >= 0 && leaving < total) out.store(p, base, leaving, leaving, lane);
      if (n >= total) continue;
      const int stage = n % kStages;
      sm90::mbarrier_wait(empty + stage * 8, (n / kStages & 1) ^ 1);
      if (turn == warp) {
        times.store(times.sum(p, left_at(n), lane),
                    base + Layout::kTimes + stage * Layout::kTimesStage, lane);
        load(n + kTurns);
      }
      if (++turn == kTurns) turn = 0;
      load_chunk<T, Layout, kWarpgroups, kPanels, kOutputs, kGate>(
          p, u, passage.chunk(n), base + stage * Layout::kStage, tid);
      // The readers fence: scalar copies are ordinary stores.
      sm90::cp_async_arrive(full + stage * 8);
      sm90::mbarrier_arrive(full + stage * 8);
    }
  }
}

}  // namespace ssmprof::kernels::cuda::ssd_detail
