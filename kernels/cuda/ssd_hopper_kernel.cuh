#pragma once

#include "kernels/cuda/ssd_hopper.cuh"
#include "kernels/cuda/ssd_sm90.cuh"

/// The chunked kernel. Per chunk of Q = 64 tokens and per head, with cs the inclusive cumulative
/// sum of Δ·A·log2(e) and cs' = cs - log2(Δ):
///   Y  = 2^cs[t] · (C Sᵀ) + M X,   M[t,s] = (C Bᵀ)[t,s] · 2^(cs[t] - cs'[s]) for s ≤ t
///   S  = 2^cs[Q-1] · S + (X · 2^(cs[Q-1] - cs'))ᵀ B
/// S [64 × N] and Y stay in the accumulators of the head's warpgroup; M and the scaled X enter as
/// register operands; S passes through shared memory in 16 bits as the operand of C Sᵀ.
/// One further warpgroup feeds a ring of stages with X, B, C, cs and cs'.
namespace ssmprof::kernels::cuda::ssd_detail {

template <int kWarpgroups, int kPanels, bool kOutputs>
struct HopperLayout {
  static constexpr int kStages = !kOutputs ? 4 : kPanels <= 2 ? 3 : 2;
  static constexpr int kX = 0;
  static constexpr int kB = kX + kWarpgroups * sm90::kPanelBytes;
  static constexpr int kC = kB + kPanels * sm90::kPanelBytes;
  static constexpr int kStage = kC + (kOutputs ? kPanels * sm90::kPanelBytes : 0);
  static constexpr int kState = kStages * kStage;
  static constexpr int kStateBytes = kOutputs ? kPanels * sm90::kPanelBytes : 0;
  static constexpr int kTimes = kState + kWarpgroups * kStateBytes;  // cs[64], cs'[64]
  static constexpr int kTimesStage = kWarpgroups * 128 * 4;
  static constexpr int kBarriers = kTimes + kStages * kTimesStage;
  static constexpr int kBytes = kBarriers + 2 * kStages * 8;
};

/// Where a CTA works.
struct HopperUnit {
  std::int64_t sequence, batch, first, first_slot, length, segment, chunk_begin, chunk_end;
  int tile, group, pair0, pairs;  // (head, row tile) pairs of this CTA within the group

  __device__ explicit HopperUnit(const HopperParams& p, int warpgroups) {
    const SsdArgs& a = p.args;
    const auto tiles = static_cast<unsigned>(p.group_tiles * a.groups);
    tile = static_cast<int>(blockIdx.x % tiles);
    const unsigned rest = blockIdx.x / tiles;
    segment = blockIdx.y;
    sequence = rest;
    batch = sequence;
    first = 0;
    length = a.length;
    first_slot = batch * p.plan.chunks;
    if (a.sequences.starts) {
      first = a.sequences.starts[sequence];
      length = a.sequences.starts[sequence + 1] - first;
      batch = 0;
      first_slot = first / kSsdChunk + sequence;
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
__device__ __noinline__ void load_panel(std::uint32_t dst, const T* src, std::int64_t stride,
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

/// Feeds the ring: x, b and c through the bulk copy engine (one thread) or through all threads of
/// the warpgroup; cs and cs' always through the engine.
template <typename T, int kWarpgroups, int kPanels, bool kOutputs, bool kBulk>
__device__ __forceinline__ void hopper_producer(const HopperParams& p, const HopperUnit& u,
                                                std::uint32_t base, int tid) {
  using Layout = HopperLayout<kWarpgroups, kPanels, kOutputs>;
  if (kBulk && tid != 0) return;
  const SsdArgs& a = p.args;
  const std::uint32_t full = base + Layout::kBarriers, empty = full + Layout::kStages * 8;
  const float* times = p.times + (u.first_slot + u.chunk_begin) * a.heads * 128;
  int stage = 0;
  std::uint32_t phase = 0;
#pragma unroll 1
  for (std::int64_t chunk = u.chunk_begin; chunk < u.chunk_end; ++chunk) {
    const std::uint32_t bar = full + stage * 8;
    sm90::mbarrier_wait(empty + stage * 8, phase ^ 1U);
    const std::int64_t t0 = chunk * kSsdChunk;
    const std::uint32_t s = base + stage * Layout::kStage;
    if constexpr (!kBulk) {
      const int rows = static_cast<int>(min(kSsdChunk, u.length - t0));
      const T* x = static_cast<const T*>(a.x.data) + u.batch * a.x.batch_stride +
                   (u.first + t0) * a.x.row_stride;
      const T* b = static_cast<const T*>(a.b.data) + u.batch * a.b.batch_stride +
                   (u.first + t0) * a.b.row_stride + u.group * a.state;
      const T* c = static_cast<const T*>(a.c.data) + u.batch * a.c.batch_stride +
                   (u.first + t0) * a.c.row_stride + u.group * a.state;
#pragma unroll 1
      for (int i = 0; i < kPanels; ++i) {
        const int columns = static_cast<int>(a.state) - 64 * i;
        load_panel(s + Layout::kB + i * sm90::kPanelBytes, b + 64 * i, a.b.row_stride, rows,
                   columns, p.b_bytes, tid);
        if constexpr (kOutputs) {
          load_panel(s + Layout::kC + i * sm90::kPanelBytes, c + 64 * i, a.c.row_stride, rows,
                     columns, p.c_bytes, tid);
        }
      }
#pragma unroll 1
      for (int w = 0; w < u.pairs; ++w) {
        const int row0 = u.row0(p, w);
        load_panel(s + Layout::kX + w * sm90::kPanelBytes,
                   x + static_cast<std::int64_t>(u.head(p, w)) * a.head_dim + row0, a.x.row_stride,
                   rows, static_cast<int>(a.head_dim) - row0, p.x_bytes, tid);
      }
      // The readers fence: scalar copies are ordinary stores.
      sm90::cp_async_arrive(bar);
      if (tid != 0) sm90::mbarrier_arrive(bar);
    }
    if (tid == 0) {
      constexpr int kShared = kPanels * (kOutputs ? 2 : 1);
      sm90::mbarrier_expect(bar,
                            u.pairs * 512 + (kBulk ? (kShared + u.pairs) * sm90::kPanelBytes : 0));
      if constexpr (kBulk) {
        const int t = static_cast<int>(t0), batch = static_cast<int>(u.batch);
#pragma unroll
        for (int i = 0; i < kPanels; ++i) {
          if constexpr (kOutputs) {
            sm90::tma_panel(s + Layout::kC + i * sm90::kPanelBytes, &p.c_map, bar, 64 * i, u.group,
                            t, batch);
          }
          sm90::tma_panel(s + Layout::kB + i * sm90::kPanelBytes, &p.b_map, bar, 64 * i, u.group, t,
                          batch);
        }
      }
#pragma unroll
      for (int w = 0; w < kWarpgroups; ++w) {
        if (w < u.pairs) {
          if constexpr (kBulk) {
            sm90::tma_panel(s + Layout::kX + w * sm90::kPanelBytes, &p.x_map, bar, u.row0(p, w),
                            u.head(p, w), static_cast<int>(t0), static_cast<int>(u.batch));
          }
          sm90::bulk_copy(base + Layout::kTimes + stage * Layout::kTimesStage + w * 512,
                          times + u.head(p, w) * 128, 512, bar);
        }
      }
    }
    times += a.heads * 128;
    if (++stage == Layout::kStages) stage = 0, phase ^= 1U;
  }
}

/// The state's fragment ↔ memory: rows [64 × state] of fp32; what lies outside reads as zero.
template <int kPanels, bool kLoad, bool kPairs>
__device__ __forceinline__ void state_copy(float (&s)[kPanels][32], float* memory, int rows,
                                           int columns, int warp, int lane) {
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const int r = warp * 16 + lane / 4 + half * 8;
    float* row = memory + static_cast<std::int64_t>(r) * columns;
    const int limit = r < rows ? columns : 0;
#pragma unroll
    for (int q = 0; q < kPanels; ++q) {
#pragma unroll
      for (int j = 0; j < 8; ++j) {
        const int n = q * 64 + j * 8 + (lane % 4) * 2;
        float& lo = s[q][j * 4 + half * 2];
        float& hi = s[q][j * 4 + half * 2 + 1];
        if constexpr (kPairs && kLoad) {
          const float2 v = n < limit ? *reinterpret_cast<const float2*>(row + n) : float2{};
          lo = v.x, hi = v.y;
        } else if constexpr (kPairs) {
          if (n < limit) *reinterpret_cast<float2*>(row + n) = make_float2(lo, hi);
        } else if constexpr (kLoad) {
          lo = n < limit ? row[n] : 0.0F;
          hi = n + 1 < limit ? row[n + 1] : 0.0F;
        } else {
          if (n < limit) row[n] = lo;
          if (n + 1 < limit) row[n + 1] = hi;
        }
      }
    }
  }
}

template <int kPanels, bool kLoad>
__device__ __forceinline__ void state_copy(float (&s)[kPanels][32], float* memory, int rows,
                                           int columns, int warp, int lane) {
  if (columns % 2 == 0) {
    state_copy<kPanels, kLoad, true>(s, memory, rows, columns, warp, lane);
  } else {
    state_copy<kPanels, kLoad, false>(s, memory, rows, columns, warp, lane);
  }
}

/// Where a consumer thread reads and writes inside the swizzled panels. Offsets of one 16-byte
/// piece differ from those of another by an exclusive-or, so each pattern needs one register.
struct PanelOffsets {
  std::uint32_t transposed;  ///< ldmatrix of Xᵀ: 16 rows of the state × 16 tokens
  std::uint32_t straight;    ///< ldmatrix, stmatrix in the order of the accumulators
  std::uint32_t row;         ///< the thread's 16-byte piece of a row

  __device__ PanelOffsets(int warp, int lane) {
    const int i = lane / 8, l = lane % 8;
    transposed = ((i >> 1) * 8 + l) * 128 + (((2 * warp + (i & 1)) ^ l) * 16);
    straight = (warp * 16 + (i & 1) * 8 + l) * 128 + (((i >> 1) ^ l) * 16);
    row = (warp * 16 + i) * 128 + ((l ^ i) * 16);
  }
};

/// Writes the state in 16 bits as kPanels panels [64 rows × 64 states].
template <typename T, int kPanels>
__device__ __forceinline__ void state_to_shared(const float (&s)[kPanels][32], std::uint32_t at) {
#pragma unroll
  for (int j = 0; j < 8; j += 2) {
    const std::uint32_t piece = at ^ (j * 16);
#pragma unroll
    for (int q = 0; q < kPanels; ++q) {
      const float* v = &s[q][j * 4];
      sm90::stmatrix_x4(piece + q * sm90::kPanelBytes, pack2<T>(v[0], v[1]), pack2<T>(v[2], v[3]),
                        pack2<T>(v[4], v[5]), pack2<T>(v[6], v[7]));
    }
  }
}

/// (X · 2^(end - cs'))ᵀ as the left operand: rows = rows of the state, contracted = tokens.
/// `csd` is advanced by the thread's pair of columns.
template <typename T>
__device__ __forceinline__ void scaled_x(std::uint32_t (&f)[4][4], std::uint32_t x,
                                         const float* csd, float end) {
#pragma unroll
  for (int k = 0; k < 4; ++k) sm90::ldmatrix_x4_trans(f[k], x + k * 2048);
#pragma unroll
  for (int k = 0; k < 4; ++k) {
#pragma unroll
    for (int h = 0; h < 2; ++h) {
      const float2 e = *reinterpret_cast<const float2*>(csd + 16 * k + 8 * h);
      const float w0 = sm90::exp2_fast(end - e.x), w1 = sm90::exp2_fast(end - e.y);
#pragma unroll
      for (int m = 0; m < 2; ++m) {
        const float2 v = unpack2<T>(f[k][2 * h + m]);
        f[k][2 * h + m] = pack2<T>(v.x * w0, v.y * w1);
      }
    }
  }
}

/// M as the left operand from C·Bᵀ in accumulators. cs0, cs1: of the thread's rows.
template <typename T>
__device__ __forceinline__ void decayed_scores(std::uint32_t (&m)[4][4], const float (&g)[32],
                                               float cs0, float cs1, const float* csd, int warp,
                                               int lane) {
  const int t = lane / 4, s = (lane % 4) * 2;  // within the diagonal block
#pragma unroll
  for (int k = 0; k < 4; ++k) {
    if (k > warp) {
#pragma unroll
      for (int i = 0; i < 4; ++i) m[k][i] = 0;
      continue;
    }
#pragma unroll
    for (int h = 0; h < 2; ++h) {
      const float2 e = *reinterpret_cast<const float2*>(csd + 16 * k + 8 * h);
      const float* v = &g[(2 * k + h) * 4];
      float a0 = v[0] * sm90::exp2_fast(cs0 - e.x), a1 = v[1] * sm90::exp2_fast(cs0 - e.y);
      float b0 = v[2] * sm90::exp2_fast(cs1 - e.x), b1 = v[3] * sm90::exp2_fast(cs1 - e.y);
      if (k == warp) {  // rows t and t + 8, columns 8·h + s and the next
        a0 = h == 0 && s <= t ? a0 : 0.0F;
        a1 = h == 0 && s + 1 <= t ? a1 : 0.0F;
        b0 = h == 0 || s <= t ? b0 : 0.0F;
        b1 = h == 0 || s + 1 <= t ? b1 : 0.0F;
      }
      m[k][2 * h] = pack2<T>(a0, a1);
      m[k][2 * h + 1] = pack2<T>(b0, b1);
    }
  }
}

/// y[t] · 2^cs[t].
__device__ __forceinline__ void scale_rows(float (&y)[32], float cs0, float cs1) {
  const float e0 = sm90::exp2_fast(cs0), e1 = sm90::exp2_fast(cs1);
#pragma unroll
  for (int j = 0; j < 8; ++j) {
    y[4 * j] *= e0, y[4 * j + 1] *= e0;
    y[4 * j + 2] *= e1, y[4 * j + 3] *= e1;
  }
}

/// The thread's elements of z in the order of the accumulators, two per word. `z` points at the
/// thread's first element, rows and columns are counted from it.
__device__ __forceinline__ void load_gate(std::uint32_t (&g)[16], const std::uint16_t* z,
                                          std::int64_t stride, int rows, int columns, bool pairs) {
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const int limit = half * 8 < rows ? columns : 0;
    const std::uint16_t* row = z + half * 8 * stride;
    if (pairs) {
#pragma unroll
      for (int j = 0; j < 8; ++j) {
        g[half * 8 + j] = j * 8 < limit ? *reinterpret_cast<const std::uint32_t*>(row + j * 8) : 0U;
      }
    } else {
#pragma unroll
      for (int j = 0; j < 8; ++j) {
        const std::uint32_t lo = j * 8 < limit ? row[j * 8] : 0U;
        const std::uint32_t hi = j * 8 + 1 < limit ? row[j * 8 + 1] : 0U;
        g[half * 8 + j] = lo | hi << 16;
      }
    }
  }
}

/// (y + D·x) · SiLU(z) in 16 bits over the warp's own rows of the X panel.
template <typename T, bool kGate>
__device__ __forceinline__ void outputs_to_shared(const float (&y)[32],
                                                  const std::uint32_t (&gate)[kGate ? 16 : 1],
                                                  std::uint32_t at, float skip) {
  std::uint32_t x[4][4];
#pragma unroll
  for (int j = 0; j < 4; ++j) sm90::ldmatrix_x4(x[j], at ^ (j * 32));
#pragma unroll
  for (int j = 0; j < 4; ++j) {
#pragma unroll
    for (int i = 0; i < 4; ++i) {  // row half i % 2, column block 2j + i / 2
      const float2 v = unpack2<T>(x[j][i]);
      float lo = fmaf(skip, v.x, y[8 * j + 2 * i]);
      float hi = fmaf(skip, v.y, y[8 * j + 2 * i + 1]);
      if constexpr (kGate) {
        const float2 z = unpack2<T>(gate[(i % 2) * 8 + 2 * j + i / 2]);
        lo *= silu(z.x);
        hi *= silu(z.y);
      }
      x[j][i] = pack2<T>(lo, hi);
    }
    sm90::stmatrix_x4(at ^ (j * 32), x[j][0], x[j][1], x[j][2], x[j][3]);
  }
}

/// The warp's 16 rows from the panel to memory. `out` points at the thread's piece of its first
/// row (a row per 8 lanes), rows and columns are counted from it.
template <typename T>
__device__ __forceinline__ void store_outputs(std::uint32_t at, T* out, std::int64_t stride,
                                              int rows, int columns, bool vector) {
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    const uint4 v = sm90::load_shared16((at ^ ((i & 1) * 64)) + i * 512);
    const int limit = i * 4 < rows ? columns : 0;
    if (vector) {
      if (limit > 0) *reinterpret_cast<uint4*>(out) = v;
    } else {
      const std::uint32_t w[4] = {v.x, v.y, v.z, v.w};
      auto* o = reinterpret_cast<std::uint16_t*>(out);
#pragma unroll
      for (int k = 0; k < 8; ++k) {
        if (k < limit) o[k] = static_cast<std::uint16_t>(w[k / 2] >> (16 * (k % 2)));
      }
    }
    out += 4 * stride;
  }
}

/// A segment state in the workspace: for each (sequence, tile, warpgroup) the fragments of its 128
/// threads, pair of elements by pair of elements, so that every access is coalesced.
template <int kWarpgroups, int kPanels>
__device__ __forceinline__ float2* segment_state(const HopperParams& p, const HopperUnit& u,
                                                 std::int64_t segment, int w, int thread) {
  const std::int64_t tiles = static_cast<std::int64_t>(gridDim.x);
  return reinterpret_cast<float2*>(p.states) +
         ((segment * tiles + blockIdx.x) * kWarpgroups + w) * (kPanels * 16 * 128) + thread;
}

/// Turns the states that the segments of this cluster reach from zero into the states that they
/// start from: block `segment` carries its share of the fragments through all segments.
template <int kWarpgroups, int kPanels>
__device__ __forceinline__ void carry_states(const HopperParams& p, const HopperUnit& u,
                                             std::uint32_t fragments, std::uint32_t decays, int w,
                                             int thread) {
  const SsdArgs& a = p.args;
  const int ranks = static_cast<int>(gridDim.y), rank = static_cast<int>(blockIdx.y);
  const int lane = thread % 32, warp = thread / 32;
  const int row0 = u.row0(p, w), rows = min(64, static_cast<int>(a.head_dim) - row0);
  float keep[8];
#pragma unroll
  for (int j = 0; j < 8; ++j) {
    keep[j] = j < ranks ? exp2f(sm90::load_cluster(sm90::cluster_address(decays + w * 4, j))) : 0;
  }
  const std::int64_t start = ((u.sequence * a.heads + u.head(p, w)) * a.head_dim + row0) * a.state;
#pragma unroll 1
  for (int e = rank; e < kPanels * 16; e += ranks) {
    const std::uint32_t at = fragments + ((w * kPanels * 16 + e) * 128 + thread) * 8;
    float2 v[8];
#pragma unroll
    for (int j = 0; j < 8; ++j) {
      v[j] = j < ranks ? sm90::load_cluster2(sm90::cluster_address(at, j)) : float2{};
    }
    float2 run{};
    if (a.initial_state) {
      const int r = warp * 16 + lane / 4 + (e & 1) * 8;
      const int n = e / 16 * 64 + e % 16 / 2 * 8 + (lane % 4) * 2;
      const float* from = a.initial_state + start + r * a.state + n;
      if (r < rows && n < a.state) run.x = from[0];
      if (r < rows && n + 1 < a.state) run.y = from[1];
      segment_state<kWarpgroups, kPanels>(p, u, 0, w, thread)[e * 128] = run;
    }
#pragma unroll
    for (int j = 0; j < 8; ++j) {
      if (j < ranks) {
        run.x = fmaf(run.x, keep[j], v[j].x);
        run.y = fmaf(run.y, keep[j], v[j].y);
        segment_state<kWarpgroups, kPanels>(p, u, j + 1, w, thread)[e * 128] = run;
      }
    }
  }
}

/// cs and cs' of every chunk and head: p.times[slot][head][128]. One block per (slot, 32 heads).
template <typename T>
__global__ void __launch_bounds__(256) ssd_times_kernel(const HopperParams p) {
  __shared__ float tile[32][65];
  sm90::release_successor();
  const SsdArgs& a = p.args;
  const std::int64_t slot = blockIdx.x;
  std::int64_t batch = 0, first = 0, chunk = 0, length = a.length;
  if (a.sequences.starts) {
    std::int64_t lo = 0, hi = a.sequences.count - 1;
    while (lo < hi) {  // the last sequence whose slots begin at or before this one
      const std::int64_t mid = (lo + hi + 1) / 2;
      if (a.sequences.starts[mid] / kSsdChunk + mid <= slot) {
        lo = mid;
      } else {
        hi = mid - 1;
      }
    }
    first = a.sequences.starts[lo];
    length = a.sequences.starts[lo + 1] - first;
    chunk = slot - first / kSsdChunk - lo;
  } else {
    batch = slot / p.plan.chunks;
    chunk = slot % p.plan.chunks;
  }
  const std::int64_t t0 = chunk * kSsdChunk;
  if (t0 >= length) return;
  const int rows = static_cast<int>(min(kSsdChunk, length - t0));
  const int head0 = blockIdx.y * 32, heads = min(32, static_cast<int>(a.heads) - head0);
  const T* dt = static_cast<const T*>(a.dt.data) + batch * a.dt.batch_stride +
                (first + t0) * a.dt.row_stride + head0;
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  const float bias = a.dt_bias && lane < heads ? a.dt_bias[head0 + lane] : 0.0F;
#pragma unroll
  for (int i = 0; i < 8; ++i) {
    const int t = warp + 8 * i;
    const bool ok = t < rows && lane < heads;
    const float v = ok ? to_float(dt[t * a.dt.row_stride + lane]) : 0.0F;
    tile[lane][t] = ok ? p.dt(v, bias) : 0.0F;
  }
  __syncthreads();
  for (int h = warp; h < heads; h += 8) {
    const float decay = a.a[head0 + h] * 1.4426950408889634F;
    const float d0 = tile[h][2 * lane], d1 = tile[h][2 * lane + 1];
    float sum = (d0 + d1) * decay;
#pragma unroll
    for (int o = 1; o < 32; o *= 2) {
      const float other = __shfl_up_sync(0xffffffffU, sum, o);
      if (lane >= o) sum += other;
    }
    const float before = sum - d1 * decay;
    auto* out = reinterpret_cast<float2*>(p.times + (slot * a.heads + head0 + h) * 128);
    out[lane] = make_float2(before, sum);
    out[32 + lane] = make_float2(before - __log2f(d0), sum - __log2f(d1));
  }
}

}  // namespace ssmprof::kernels::cuda::ssd_detail
