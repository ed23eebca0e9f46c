#pragma once

#include <type_traits>

#include "kernels/cuda/common.cuh"

/// Transcendentals on the special function unit (MUFU), one instruction each where possible.
/// `kPrecise` is true for fp32 tensors (error near 1e-6) and false for 16-bit ones, whose own
/// rounding (2^-9 for bf16) hides an absolute error of 2^-11.
namespace ssmprof::kernels::cuda {

template <class T>
inline constexpr bool kPrecise = std::is_same_v<T, float>;

constexpr float kLog2e = 1.4426950408889634F;
constexpr float kLn2 = 0.6931471805599453F;

/// 2^x, 1 MUFU; relative error 2^-22, results below 2^-126 become zero.
__device__ inline float exp2_fast(float x) {
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}

/// log2(x), 1 MUFU; absolute error 2^-22 on (0.5, 2).
__device__ inline float log2_fast(float x) {
  float y;
  asm("lg2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}

/// tanh(x), 1 MUFU; absolute error 2^-11.
__device__ inline float tanh_fast(float x) {
  float y;
  asm("tanh.approx.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}

__device__ inline float rcp_fast(float x) {
  float y;
  asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}

/// log(1 + exp(x)) = max(x, 0) + log(1 + e) with e = exp(-|x|), relative error near 1e-6 (precise)
/// or 1e-5 for every x. log(1 + e) is e times a polynomial, or, precisely, a logarithm, whose error
/// is absolute, and a series where e is small. 2 MUFU (precise) or 1.
template <bool precise>
__device__ inline float softplus(float x) {
  const float e = exp2_fast(fabsf(x) * -kLog2e), most = fmaxf(x, 0.0F);
  if constexpr (precise) {
    float series = fmaf(e, 1.0F / 7.0F, -1.0F / 6.0F);
    series = fmaf(e, series, 1.0F / 5.0F);
    series = fmaf(e, series, -1.0F / 4.0F);
    series = fmaf(e, series, 1.0F / 3.0F);
    series = fmaf(e, series, -0.5F);
    series = fmaf(e, series, 1.0F);
    return e < 0.125F ? fmaf(e, series, most) : fmaf(kLn2, log2_fast(1.0F + e), most);
  } else {
    // Least relative error over 0 < e <= 1: 8.5e-6 in fp32.
    float p = fmaf(e, -0.0238691829F, 0.101222366F);
    p = fmaf(e, p, -0.210048765F);
    p = fmaf(e, p, 0.325206697F);
    p = fmaf(e, p, -0.499361366F);
    p = fmaf(e, p, 0.999991596F);
    return fmaf(e, p, most);
  }
}

/// x · sigmoid(x): 2 MUFU (precise) or 1.
template <bool precise>
__device__ inline float silu(float x) {
  if constexpr (precise) {
    return x * rcp_fast(1.0F + exp2_fast(-kLog2e * x));
  } else {
    const float half = 0.5F * x;
    return fmaf(half, tanh_fast(half), half);
  }
}

}  // namespace ssmprof::kernels::cuda
