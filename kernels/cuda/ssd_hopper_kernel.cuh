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
  std::int64_t sequence, batch, first, length, segment, chunk_begin, chunk_end;
  int group, pair0, pairs;  // (head, row tile) pairs of this CTA within the group

  __device__ explicit HopperUnit(const HopperParams& p, int warpgroups) {
    const SsdArgs& a = p.args;
    const auto tiles = static_cast<unsigned>(p.group_tiles * a.groups);
    const unsigned tile = blockIdx.x % tiles;
    const unsigned rest = blockIdx.x / tiles;
    segment = blockIdx.y;
    sequence = rest;
    batch = sequence;
    first = 0;
    length = a.length;
    if (a.sequences.starts) {
      first = a.sequences.starts[sequence];
      length = a.sequences.starts[sequence + 1] - first;
      batch = 0;
    }
    group = static_cast<int>(tile / p.group_tiles);
    const int per_group = static_cast<int>(a.heads / a.groups * p.plan.row_tiles);
    pair0 = static_cast<int>(tile % p.group_tiles) * warpgroups;
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
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    const int r = r0 + 16 * i;
    const int n = r < rows ? valid : 0;
    const T* s = n > 0 ? src + r * stride + c * 8 : src;
    const std::uint32_t d = dst + i * 2048;
    if (bytes == 16) {
      sm90::cp_async16(d, s, n);
    } else if (bytes == 4) {
#pragma unroll
      for (int k = 0; k < 4; ++k) {
        const int m = max(0, min(4, n - 4 * k));
        sm90::cp_async4(d + 4 * k, m > 0 ? s + 2 * k : src, m);
      }
    } else {
      std::uint32_t w[4];
#pragma unroll
      for (int k = 0; k < 4; ++k) {
        std::uint32_t lo = 0, hi = 0;
        if (4 * k + 2 <= n) lo = *reinterpret_cast<const std::uint16_t*>(s + 2 * k);
        if (4 * k + 4 <= n) hi = *reinterpret_cast<const std::uint16_t*>(s + 2 * k + 1);
        w[k] = lo | (hi << 16);
      }
      asm volatile("st.shared.v4.b32 [%0], {%1,%2,%3,%4};" ::"r"(d), "r"(w[0]), "r"(w[1]),
                   "r"(w[2]), "r"(w[3])
                   : "memory");
    }
  }
}

template <typename T, int kWarpgroups, int kPanels, bool kOutputs>
__device__ __forceinline__ void hopper_producer(const HopperParams& p, const HopperUnit& u,
                                                char* smem, int tid) {
  using Layout = HopperLayout<kWarpgroups, kPanels, kOutputs>;
  const SsdArgs& a = p.args;
  const std::uint32_t base = sm90::smem_address(smem);
  const std::uint32_t full = base + Layout::kBarriers, empty = full + Layout::kStages * 8;
  const int lane = tid % 32, warp = tid / 32;
  const T* x =
      static_cast<const T*>(a.x.data) + u.batch * a.x.batch_stride + u.first * a.x.row_stride;
  const T* b = static_cast<const T*>(a.b.data) + u.batch * a.b.batch_stride +
               u.first * a.b.row_stride + u.group * a.state;
  const T* c = static_cast<const T*>(a.c.data) + u.batch * a.c.batch_stride +
               u.first * a.c.row_stride + u.group * a.state;
  const T* dt = nullptr;
  float bias = 0.0F, decay = 0.0F;
  const bool times = warp < u.pairs;
  if (times) {
    const int head = u.head(p, warp);
    dt = static_cast<const T*>(a.dt.data) + u.batch * a.dt.batch_stride +
         u.first * a.dt.row_stride + head;
    bias = a.dt_bias ? a.dt_bias[head] : 0.0F;
    decay = a.a[head] * 1.4426950408889634F;
  }
  const auto load_dt = [&](std::int64_t chunk, float(&v)[2]) {
    const std::int64_t t = chunk * kSsdChunk + 2 * lane;
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      v[i] = times && t + i < u.length ? to_float(dt[(t + i) * a.dt.row_stride]) : 0.0F;
    }
  };
  float next[2];
  load_dt(u.chunk_begin, next);
  int stage = 0;
  std::uint32_t phase = 0;
  for (std::int64_t chunk = u.chunk_begin; chunk < u.chunk_end; ++chunk) {
    sm90::mbarrier_wait(empty + stage * 8, phase ^ 1U);
    const std::int64_t t0 = chunk * kSsdChunk;
    const int rows = static_cast<int>(min(kSsdChunk, u.length - t0));
    const std::uint32_t s = base + stage * Layout::kStage;
#pragma unroll
    for (int i = 0; i < kPanels; ++i) {
      const int columns = static_cast<int>(a.state) - 64 * i;
      load_panel(s + Layout::kB + i * sm90::kPanelBytes, b + t0 * a.b.row_stride + 64 * i,
                 a.b.row_stride, rows, columns, p.b_bytes, tid);
      if constexpr (kOutputs) {
        load_panel(s + Layout::kC + i * sm90::kPanelBytes, c + t0 * a.c.row_stride + 64 * i,
                   a.c.row_stride, rows, columns, p.c_bytes, tid);
      }
    }
#pragma unroll
    for (int w = 0; w < kWarpgroups; ++w) {
      if (w < u.pairs) {
        const int row0 = u.row0(p, w);
        load_panel(s + Layout::kX + w * sm90::kPanelBytes,
                   x + t0 * a.x.row_stride + u.head(p, w) * a.head_dim + row0, a.x.row_stride, rows,
                   static_cast<int>(a.head_dim) - row0, p.x_bytes, tid);
      }
    }
    sm90::cp_async_arrive(full + stage * 8);
    const float v0 = next[0], v1 = next[1];
    if (chunk + 1 < u.chunk_end) load_dt(chunk + 1, next);
    if (times) {
      const float d0 = 2 * lane < rows ? p.dt(v0, bias) : 0.0F;
      const float d1 = 2 * lane + 1 < rows ? p.dt(v1, bias) : 0.0F;
      float sum = (d0 + d1) * decay;
#pragma unroll
      for (int o = 1; o < 32; o *= 2) {
        const float other = __shfl_up_sync(0xffffffffU, sum, o);
        if (lane >= o) sum += other;
      }
      const float before = sum - d1 * decay;
      float* cs = reinterpret_cast<float*>(smem + Layout::kTimes + stage * Layout::kTimesStage) +
                  warp * 128;
      reinterpret_cast<float2*>(cs)[lane] = make_float2(before, sum);
      reinterpret_cast<float2*>(cs + 64)[lane] = make_float2(before - log2f(d0), sum - log2f(d1));
    }
    sm90::fence_async();
    sm90::mbarrier_arrive(full + stage * 8);
    if (++stage == Layout::kStages) stage = 0, phase ^= 1U;
  }
}

/// The state's fragment ↔ memory: rows [64 × state] of fp32.
template <int kPanels, bool kLoad>
__device__ __forceinline__ void state_copy(float (&s)[kPanels][32], float* memory, int rows,
                                           int columns, int warp, int lane) {
  const bool pairs = columns % 2 == 0;
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const int r = warp * 16 + lane / 4 + half * 8;
    float* row = memory + static_cast<std::int64_t>(r) * columns;
#pragma unroll
    for (int q = 0; q < kPanels; ++q) {
#pragma unroll
      for (int j = 0; j < 8; ++j) {
        const int n = q * 64 + j * 8 + (lane % 4) * 2;
        float& lo = s[q][j * 4 + half * 2];
        float& hi = s[q][j * 4 + half * 2 + 1];
        if (r < rows && pairs && n < columns) {
          float2* at = reinterpret_cast<float2*>(row + n);
          if constexpr (kLoad) {
            const float2 v = *at;
            lo = v.x, hi = v.y;
          } else {
            *at = make_float2(lo, hi);
          }
        } else if (r < rows) {
          if (n < columns) {
            if constexpr (kLoad)
              lo = row[n];
            else
              row[n] = lo;
          }
          if (n + 1 < columns) {
            if constexpr (kLoad)
              hi = row[n + 1];
            else
              row[n + 1] = hi;
          }
        }
      }
    }
  }
}

/// Writes the state in 16 bits as kPanels panels [64 rows × 64 states].
template <typename T, int kPanels>
__device__ __forceinline__ void state_to_shared(const float (&s)[kPanels][32], std::uint32_t dst,
                                                int warp, int lane) {
  const int i = lane / 8, r = warp * 16 + (i & 1) * 8 + lane % 8;
#pragma unroll
  for (int q = 0; q < kPanels; ++q) {
#pragma unroll
    for (int j = 0; j < 8; j += 2) {
      const std::uint32_t at =
          dst + q * sm90::kPanelBytes + r * 128 + (((j + (i >> 1)) ^ (r % 8)) * 16);
      const float* v = &s[q][j * 4];
      sm90::stmatrix_x4(at, pack2<T>(v[0], v[1]), pack2<T>(v[2], v[3]), pack2<T>(v[4], v[5]),
                        pack2<T>(v[6], v[7]));
    }
  }
}

/// (X · 2^(end - cs'))ᵀ as the left operand: rows = rows of the state, contracted = tokens.
template <typename T>
__device__ __forceinline__ void scaled_x(std::uint32_t (&f)[4][4], std::uint32_t x,
                                         const float* csd, float end, int warp, int lane) {
  const int i = lane / 8;
#pragma unroll
  for (int k = 0; k < 4; ++k) {
    const int token = 16 * k + (i >> 1) * 8 + lane % 8;
    const int piece = 2 * warp + (i & 1);
    sm90::ldmatrix_x4_trans(f[k], x + token * 128 + ((piece ^ (token % 8)) * 16));
#pragma unroll
    for (int h = 0; h < 2; ++h) {
      const float2 e = *reinterpret_cast<const float2*>(csd + 16 * k + 8 * h + (lane % 4) * 2);
      const float w0 = sm90::exp2_fast(end - e.x), w1 = sm90::exp2_fast(end - e.y);
#pragma unroll
      for (int m = 0; m < 2; ++m) {
        const float2 v = unpack2<T>(f[k][2 * h + m]);
        f[k][2 * h + m] = pack2<T>(v.x * w0, v.y * w1);
      }
    }
  }
}

/// M as the left operand from C·Bᵀ in accumulators.
template <typename T>
__device__ __forceinline__ void decayed_scores(std::uint32_t (&m)[4][4], const float (&g)[32],
                                               const float* cs, const float* csd, int warp,
                                               int lane) {
  const int t = warp * 16 + lane / 4;
  const float cs0 = cs[t], cs1 = cs[t + 8];
#pragma unroll
  for (int k = 0; k < 4; ++k) {
    if (k > warp) {
#pragma unroll
      for (int i = 0; i < 4; ++i) m[k][i] = 0;
      continue;
    }
#pragma unroll
    for (int h = 0; h < 2; ++h) {
      const int s = 16 * k + 8 * h + (lane % 4) * 2;
      const float2 e = *reinterpret_cast<const float2*>(csd + s);
      const float* v = &g[(2 * k + h) * 4];
      float a0 = v[0] * sm90::exp2_fast(cs0 - e.x), a1 = v[1] * sm90::exp2_fast(cs0 - e.y);
      float b0 = v[2] * sm90::exp2_fast(cs1 - e.x), b1 = v[3] * sm90::exp2_fast(cs1 - e.y);
      if (k == warp) {
        a0 = s <= t ? a0 : 0.0F;
        a1 = s + 1 <= t ? a1 : 0.0F;
        b0 = s <= t + 8 ? b0 : 0.0F;
        b1 = s + 1 <= t + 8 ? b1 : 0.0F;
      }
      m[k][2 * h] = pack2<T>(a0, a1);
      m[k][2 * h + 1] = pack2<T>(b0, b1);
    }
  }
}

/// y + D·x, the gate, and the store, through the warp's own rows of the X panel.
template <typename T>
__device__ __forceinline__ void write_outputs(const HopperParams& p, const HopperUnit& u,
                                              const float (&y)[32], char* x, std::int64_t t0,
                                              int head, int row0, float skip, int warp, int lane) {
  const SsdArgs& a = p.args;
  const int rows = static_cast<int>(min(kSsdChunk, u.length - t0));
  const int columns = min(64, static_cast<int>(a.head_dim) - row0);
  const std::int64_t column = static_cast<std::int64_t>(head) * a.head_dim + row0;
  const T* z = static_cast<const T*>(a.z.data);
  if (z) z += u.batch * a.z.batch_stride + (u.first + t0) * a.z.row_stride + column;
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const int t = warp * 16 + lane / 4 + half * 8;
#pragma unroll
    for (int j = 0; j < 8; ++j) {
      auto* at = reinterpret_cast<std::uint32_t*>(x + t * 128 + ((j ^ (t % 8)) * 16)) + lane % 4;
      const float2 v = unpack2<T>(*at);
      float lo = fmaf(skip, v.x, y[j * 4 + half * 2]);
      float hi = fmaf(skip, v.y, y[j * 4 + half * 2 + 1]);
      if (z) {
        const int n = j * 8 + (lane % 4) * 2;
        const T* row = z + t * a.z.row_stride + n;
        if (t < rows && n < columns) lo *= silu(to_float(row[0]));
        if (t < rows && n + 1 < columns) hi *= silu(to_float(row[1]));
      }
      *at = pack2<T>(lo, hi);
    }
  }
  __syncwarp();
  T* out = static_cast<T*>(a.out.data) + u.batch * a.out.batch_stride +
           (u.first + t0) * a.out.row_stride + column;
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    const int t = warp * 16 + i * 4 + lane / 8, piece = lane % 8;
    if (t >= rows) continue;
    const uint4 v = *reinterpret_cast<const uint4*>(x + t * 128 + ((piece ^ (t % 8)) * 16));
    T* at = out + t * a.out.row_stride + piece * 8;
    if (p.out_vector) {
      if (piece * 8 < columns) *reinterpret_cast<uint4*>(at) = v;
    } else {
      const auto* e = reinterpret_cast<const T*>(&v);
#pragma unroll
      for (int k = 0; k < 8; ++k) {
        if (piece * 8 + k < columns) at[k] = e[k];
      }
    }
  }
}

}  // namespace ssmprof::kernels::cuda::ssd_detail
