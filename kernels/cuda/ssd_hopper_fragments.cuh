#pragma once

#include "kernels/cuda/ssd_hopper_unit.cuh"
#include "kernels/cuda/ssd_wgmma.cuh"

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

/// The state of pair w at the start of the sequence.
template <int kPanels>
__device__ __forceinline__ void first_state(const HopperParams& p, const HopperUnit& u,
                                            float (&s)[kPanels][32], int w, int thread) {
  if (p.args.initial_state) {
    state_copy<kPanels, true>(p, u, s, const_cast<float*>(p.args.initial_state), w, thread);
    return;
  }
#pragma unroll
  for (int q = 0; q < kPanels; ++q) {
#pragma unroll
    for (int i = 0; i < 32; ++i) s[q][i] = 0.0F;
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

/// Starts S += Fᵀ B over half of the chunk's tokens, F as scaled_x gives it.
template <typename T, int kPanels>
__device__ __forceinline__ void add_half(float (&s)[kPanels][32], const std::uint32_t (&f)[2][4],
                                         std::uint32_t b, int half) {
  const std::uint64_t right = sm90::panel_descriptor(b);
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
}

template <int kPanels>
__device__ __forceinline__ void finish_state(float (&s)[kPanels][32]) {
  sm90::wgmma_wait<0>();
#pragma unroll
  for (int q = 0; q < kPanels; ++q) sm90::pin(s[q]);
}

/// M as the left operand from C·Bᵀ in accumulators, of warp kWarp. cs0, cs1: of the thread's rows;
/// csd: cs' in shared memory, advanced by the thread's pair of columns.
template <typename T, int kWarp>
__device__ __forceinline__ void decayed_scores(std::uint32_t (&m)[4][4], const float (&g)[32],
                                               float cs0, float cs1, std::uint32_t csd,
                                               unsigned lane) {
  const unsigned t = lane / 4, s = lane % 4 * 2;  // within the diagonal block
#pragma unroll
  for (int k = 0; k <= kWarp; ++k) {
#pragma unroll
    for (int h = 0; h < 2; ++h) {
      const float2 e = sm90::load_shared8(csd + (16 * k + 8 * h) * 4);
      const float* v = &g[(2 * k + h) * 4];
      float a0 = 0.0F, a1 = 0.0F;
      if (k < kWarp || h == 0) {
        a0 = v[0] * sm90::exp2_fast(cs0 - e.x), a1 = v[1] * sm90::exp2_fast(cs0 - e.y);
      }
      float b0 = v[2] * sm90::exp2_fast(cs1 - e.x), b1 = v[3] * sm90::exp2_fast(cs1 - e.y);
      if (k == kWarp) {  // rows t and t + 8, columns 8·h + s and the next
        if (h == 0) {
          a0 = s <= t ? a0 : 0.0F;
          a1 = s + 1 <= t ? a1 : 0.0F;
        } else {
          b0 = s <= t ? b0 : 0.0F;
          b1 = s + 1 <= t ? b1 : 0.0F;
        }
      }
      m[k][2 * h] = pack2<T>(a0, a1);
      m[k][2 * h + 1] = pack2<T>(b0, b1);
    }
  }
#pragma unroll
  for (int k = kWarp + 1; k < 4; ++k) {
#pragma unroll
    for (int i = 0; i < 4; ++i) m[k][i] = 0;
  }
}

template <typename T>
__device__ __forceinline__ void decayed_scores(std::uint32_t (&m)[4][4], const float (&g)[32],
                                               float cs0, float cs1, std::uint32_t csd, int warp,
                                               unsigned lane) {
  // A piece of code per warp, so that no branch keeps the blocks apart.
  if (warp == 0) {
    decayed_scores<T, 0>(m, g, cs0, cs1, csd, lane);
  } else if (warp == 1) {
    decayed_scores<T, 1>(m, g, cs0, cs1, csd, lane);
  } else if (warp == 2) {
    decayed_scores<T, 2>(m, g, cs0, cs1, csd, lane);
  } else {
    decayed_scores<T, 3>(m, g, cs0, cs1, csd, lane);
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

/// y + D·x in 16 bits, in the place of x: the warp's own rows as ldmatrix gives them.
template <typename T>
__device__ __forceinline__ void finish_outputs(std::uint32_t (&x)[4][4], const float (&y)[32],
                                               float skip) {
#pragma unroll
  for (int j = 0; j < 4; ++j) {
#pragma unroll
    for (int i = 0; i < 4; ++i) {  // row half i % 2, column block 2j + i / 2
      const float2 v = unpack2<T>(x[j][i]);
      x[j][i] = pack2<T>(fmaf(skip, v.x, y[8 * j + 2 * i]), fmaf(skip, v.y, y[8 * j + 2 * i + 1]));
    }
  }
}

}  // namespace ssmprof::kernels::cuda::ssd_detail
