#pragma once

#include "kernels/cuda/ssd_hopper_producer.cuh"
#include "kernels/cuda/ssd_sm90.cuh"

/// What a warpgroup's threads hold and move: the state's and the outputs' fragments, the scaled X
/// and the decayed scores as left operands.
namespace ssmprof::kernels::cuda::ssd_detail {

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

/// The fragment of pair w ↔ its rows of `states` [sequences × heads × head_dim × state].
template <int kPanels, bool kLoad>
__device__ __forceinline__ void state_copy(const HopperParams& p, const HopperUnit& u,
                                           float (&s)[kPanels][32], float* states, int w,
                                           int thread) {
  const SsdArgs& a = p.args;
  const int row0 = u.row0(p, w), rows = min(64, static_cast<int>(a.head_dim) - row0);
  const int columns = static_cast<int>(a.state), warp = thread / 32, lane = thread % 32;
  states += ((u.sequence * a.heads + u.head(p, w)) * a.head_dim + row0) * a.state;
  if (columns % 2 == 0) {
    state_copy<kPanels, kLoad, true>(s, states, rows, columns, warp, lane);
  } else {
    state_copy<kPanels, kLoad, false>(s, states, rows, columns, warp, lane);
  }
}

/// Fragment e of a thread: rows r and r + 8, columns n and the next, of the initial state.
__device__ __forceinline__ float4 initial_fragment(const HopperParams& p, const HopperUnit& u,
                                                   int w, int thread, int e) {
  const SsdArgs& a = p.args;
  const int lane = thread % 32, row0 = u.row0(p, w);
  const int r = thread / 32 * 16 + lane / 4, n = e / 8 * 64 + e % 8 * 8 + lane % 4 * 2;
  const float* from =
      a.initial_state + ((u.sequence * a.heads + u.head(p, w)) * a.head_dim + row0) * a.state;
  float v[4] = {};
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    const int row = r + i / 2 * 8, column = n + i % 2;
    if (row < min(64, static_cast<int>(a.head_dim) - row0) && column < a.state) {
      v[i] = from[row * a.state + column];
    }
  }
  return make_float4(v[0], v[1], v[2], v[3]);
}

/// Where a consumer thread reads and writes inside the swizzled panels. Offsets of one 16-byte
/// piece differ from those of another by an exclusive-or, so each pattern needs one register.
struct PanelOffsets {
  std::uint32_t transposed;  ///< ldmatrix of Xᵀ: 16 rows of the state × 16 tokens
  std::uint32_t straight;    ///< ldmatrix, stmatrix in the order of the accumulators
  std::uint32_t row;         ///< the thread's 16-byte piece of a row

  /// `thread`: of a warpgroup, or of the block.
  __device__ explicit PanelOffsets(unsigned thread) {
    const unsigned warp = thread / 32 % 4, i = thread / 8 % 4, l = thread % 8;
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

/// (X · factors · scale)ᵀ as the left operand: rows = rows of the state, contracted = tokens.
/// `factors`: in shared memory, advanced by the thread's pair of columns.
template <typename T, int kSteps>
__device__ __forceinline__ void scaled_x(std::uint32_t (&f)[kSteps][4], std::uint32_t x,
                                         std::uint32_t factors, float scale) {
#pragma unroll
  for (int k = 0; k < kSteps; ++k) sm90::ldmatrix_x4_trans(f[k], x + k * 2048);
#pragma unroll
  for (int k = 0; k < kSteps; ++k) {
#pragma unroll
    for (int h = 0; h < 2; ++h) {
      const float2 e = sm90::load_shared8(factors + (16 * k + 8 * h) * 4);
      const float w0 = e.x * scale, w1 = e.y * scale;
#pragma unroll
      for (int m = 0; m < 2; ++m) {
        const float2 v = unpack2<T>(f[k][2 * h + m]);
        f[k][2 * h + m] = pack2<T>(v.x * w0, v.y * w1);
      }
    }
  }
}

/// S += (X · factors · scale)ᵀ B, complete on return. Half of the chunk at a time, for the sake of
/// registers: the other warpgroups keep the tensor cores busy.
template <typename T, int kPanels>
__device__ __forceinline__ void add_to_state(float (&s)[kPanels][32], std::uint32_t x,
                                             std::uint32_t b, std::uint32_t factors, float scale) {
  const std::uint64_t right = sm90::panel_descriptor(b);
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    std::uint32_t f[2][4];
    scaled_x<T>(f, x + half * 4096, factors + half * 128, scale);
    sm90::wgmma_fence();
#pragma unroll
    for (int q = 0; q < kPanels; ++q) {
#pragma unroll
      for (int k = 0; k < 2; ++k) {
        sm90::wgmma_rs<T, true>(s[q], f[k],
                                right + q * (sm90::kPanelBytes / 16) + (2 * half + k) * 128, 1);
      }
    }
    sm90::wgmma_commit();
    sm90::wgmma_wait<0>();
#pragma unroll
    for (int q = 0; q < kPanels; ++q) sm90::pin(s[q]);
  }
}

/// M as the left operand from C·Bᵀ in accumulators. cs0, cs1: of the thread's rows; csd: cs' in
/// shared memory, advanced by the thread's pair of columns.
template <typename T>
__device__ __forceinline__ void decayed_scores(std::uint32_t (&m)[4][4], const float (&g)[32],
                                               float cs0, float cs1, std::uint32_t csd,
                                               unsigned thread) {
  const unsigned warp = thread / 32 % 4;
  const unsigned t = thread % 32 / 4, s = thread % 4 * 2;  // within the diagonal block
  float2 e[2] = {sm90::load_shared8(csd), sm90::load_shared8(csd + 32)};
#pragma unroll
  for (unsigned k = 0; k < 4; ++k) {
    float2 next[2] = {};
    if (k < 3) {
      next[0] = sm90::load_shared8(csd + (k + 1) * 64);
      next[1] = sm90::load_shared8(csd + (k + 1) * 64 + 32);
    }
    if (k > warp) {
#pragma unroll
      for (int i = 0; i < 4; ++i) m[k][i] = 0;
    } else {
#pragma unroll
      for (int h = 0; h < 2; ++h) {
        const float* v = &g[(2 * k + h) * 4];
        float a0 = v[0] * sm90::exp2_fast(cs0 - e[h].x), a1 = v[1] * sm90::exp2_fast(cs0 - e[h].y);
        float b0 = v[2] * sm90::exp2_fast(cs1 - e[h].x), b1 = v[3] * sm90::exp2_fast(cs1 - e[h].y);
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
    e[0] = next[0], e[1] = next[1];
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

/// (y + D·x) · SiLU(z) in 16 bits, in the place of x. x: the warp's own rows as ldmatrix gives
/// them; z: where it would read those of the gate.
template <typename T, bool kGate>
__device__ __forceinline__ void finish_outputs(std::uint32_t (&x)[4][4], const float (&y)[32],
                                               std::uint32_t z, float skip) {
#pragma unroll
  for (int j = 0; j < 4; ++j) {
    std::uint32_t gate[4];
    if constexpr (kGate) sm90::ldmatrix_x4(gate, z ^ (j * 32));
#pragma unroll
    for (int i = 0; i < 4; ++i) {  // row half i % 2, column block 2j + i / 2
      const float2 v = unpack2<T>(x[j][i]);
      float lo = fmaf(skip, v.x, y[8 * j + 2 * i]);
      float hi = fmaf(skip, v.y, y[8 * j + 2 * i + 1]);
      if constexpr (kGate) {
        const float2 g = unpack2<T>(gate[i]);
        lo *= silu(g.x);
        hi *= silu(g.y);
      }
      x[j][i] = pack2<T>(lo, hi);
    }
  }
}

/// Where a warp's 16 rows of a chunk go in memory: a row per 8 lanes, 16 bytes per lane.
template <typename T>
struct OutputRows {
  T* out;    ///< the lane's piece of its first row
  int rows;  ///< to the end of the sequence, counted from there

  __device__ OutputRows(const HopperParams& p, const HopperUnit& u, int w) {
    const SsdArgs& a = p.args;
    const unsigned t = threadIdx.x, row = t / 32 % 4 * 16 + t % 32 / 8;
    const std::int64_t column = static_cast<std::int64_t>(u.head(p, w)) * a.head_dim + u.row0(p, w);
    out = static_cast<T*>(a.out.data) + u.batch * a.out.batch_stride +
          (u.start + row) * a.out.row_stride + column + t % 8 * 8;
    rows = u.rows - static_cast<int>(row);
    if (p.out_vector && columns(p, u.row0(p, w)) <= 0) rows = 0;
  }
  /// From the lane's piece on.
  static __device__ int columns(const HopperParams& p, int row0) {
    return min(64, static_cast<int>(p.args.head_dim) - row0) -
           static_cast<int>(sm90::thread_again() % 8 * 8);
  }
  /// The next chunk's rows, through their place in a panel.
  __device__ __forceinline__ void store(const HopperParams& p, const std::uint32_t (&o)[4][4],
                                        std::uint32_t panel, int w) {
    const PanelOffsets offsets(sm90::thread_again());
#pragma unroll
    for (int j = 0; j < 4; ++j) {
      sm90::stmatrix_x4((panel + offsets.straight) ^ (j * 32), o[j][0], o[j][1], o[j][2], o[j][3]);
    }
    __syncwarp();
    uint4 v[4];
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      v[i] = sm90::load_shared16(((panel + offsets.row) ^ ((i & 1) * 64)) + i * 512);
    }
    const std::int64_t stride = p.args.out.row_stride;
    if (p.out_vector) {
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        if (i * 4 < rows) *reinterpret_cast<uint4*>(out + i * 4 * stride) = v[i];
      }
    } else {
      store_elements(p, v, w);
    }
    out += kSsdChunk * stride;
    rows -= static_cast<int>(kSsdChunk);
  }
  __device__ __forceinline__ void store_elements(const HopperParams& p, const uint4 (&v)[4],
                                                 int w) const {
    const HopperUnit u(p, static_cast<int>(p.plan.warpgroups), true);
    const int count = columns(p, u.row0(p, w));
    auto* o = reinterpret_cast<std::uint16_t*>(out);
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const int limit = i * 4 < rows ? count : 0;
      const std::uint32_t words[4] = {v[i].x, v[i].y, v[i].z, v[i].w};
#pragma unroll
      for (int k = 0; k < 8; ++k) {
        if (k < limit) {
          o[i * 4 * p.args.out.row_stride + k] =
              static_cast<std::uint16_t>(words[k / 2] >> (16 * (k % 2)));
        }
      }
    }
  }
};

}  // namespace ssmprof::kernels::cuda::ssd_detail
