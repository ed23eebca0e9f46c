#pragma once

#include "kernels/cpu/simd/vec.hpp"

namespace ssmprof::kernels::cpu::SSMPROF_ISA {
namespace {

/// C[m][n] = beta·C + Σ_k A(m,k)·B[k][n] on fp32 tiles. A is read element by element with any two
/// strides; B and C are row-major with n a multiple of W. With `causal`, A(m,k) is zero for k > m
/// and those blocks are skipped.
struct Gemm {
  std::int64_t m = 0, n = 0, k = 0;
  const float* a = nullptr;
  std::int64_t a_row = 0, a_step = 1;
  const float* b = nullptr;
  std::int64_t b_row = 0;
  float* c = nullptr;
  std::int64_t c_row = 0;
  float beta = 0.0F;
  bool causal = false;
};

constexpr int gemm_rows = 6;
#if SSMPROF_SIMD_BITS == 512
constexpr int gemm_columns = 4;  ///< registers per row: 24 accumulators of 32 registers
#else
constexpr int gemm_columns = 2;  ///< 12 accumulators of 16 registers
#endif

template <int M, int N>
SSMPROF_INLINE void gemm_tile(const Gemm& g, std::int64_t row, std::int64_t column,
                              std::int64_t depth) {
  Vec total[M][N] = {};
  const float* a = g.a + row * g.a_row;
  const float* b = g.b + column;
  for (std::int64_t k = 0; k < depth; ++k) {
    Vec right[N];
#pragma GCC unroll 4
    for (int j = 0; j < N; ++j) right[j] = load(b + k * g.b_row + j * W);
#pragma GCC unroll 6
    for (int i = 0; i < M; ++i) {
      const Vec left = splat(a[i * g.a_row + k * g.a_step]);
#pragma GCC unroll 4
      for (int j = 0; j < N; ++j) total[i][j] += left * right[j];
    }
  }
#pragma GCC unroll 6
  for (int i = 0; i < M; ++i) {
#pragma GCC unroll 4
    for (int j = 0; j < N; ++j) {
      float* c = g.c + (row + i) * g.c_row + column + j * W;
      store(c, g.beta == 0.0F ? total[i][j] : load(c) * g.beta + total[i][j]);
    }
  }
}

template <int M>
inline void gemm_row_block(const Gemm& g, std::int64_t row) {
  const std::int64_t depth = g.causal && row + M < g.k ? row + M : g.k;
  std::int64_t column = 0;
  for (; column + gemm_columns * W <= g.n; column += gemm_columns * W) {
    gemm_tile<M, gemm_columns>(g, row, column, depth);
  }
  for (; column < g.n; column += W) gemm_tile<M, 1>(g, row, column, depth);
}

inline void gemm(const Gemm& g) {
  std::int64_t row = 0;
  for (; row + gemm_rows <= g.m; row += gemm_rows) gemm_row_block<gemm_rows>(g, row);
  switch (g.m - row) {
    case 5:
      gemm_row_block<5>(g, row);
      break;
    case 4:
      gemm_row_block<4>(g, row);
      break;
    case 3:
      gemm_row_block<3>(g, row);
      break;
    case 2:
      gemm_row_block<2>(g, row);
      break;
    case 1:
      gemm_row_block<1>(g, row);
      break;
    default:
      break;
  }
}

}  // namespace
}  // namespace ssmprof::kernels::cpu::SSMPROF_ISA
