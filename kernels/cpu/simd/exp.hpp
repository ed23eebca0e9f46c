#pragma once

#include "kernels/cpu/simd/vec.hpp"

namespace ssmprof::kernels::cpu::SSMPROF_ISA {
namespace {

constexpr float log2e = 1.44269504088896340736F;

/// 2^f for |f| ≤ 1/2 with an exact constant term, so that 2^0 = 1 and decays near 1 keep their
/// relative precision. (2^f − 1)/f interpolated at the Chebyshev nodes; relative error 1e-8.
SSMPROF_INLINE Vec exp2_fraction(Vec f) {
  Vec p = splat(0x1.44138ap-13F);
  p = p * f + 0x1.5f0890p-10F;
  p = p * f + 0x1.3b2a54p-7F;
  p = p * f + 0x1.c6af6cp-5F;
  p = p * f + 0x1.ebfbe0p-3F;
  p = p * f + 0x1.62e430p-1F;
  return p * f + 1.0F;
}

/// p · 2^n for a whole n in [-300, 300], given as a number and as the low bits of `bits`; overflow
/// to infinity, gradual underflow.
SSMPROF_INLINE Vec scale(Vec p, [[maybe_unused]] Vec n, [[maybe_unused]] VecInt bits) {
#if SSMPROF_SIMD_BITS == 512
  return (Vec)_mm512_scalef_ps((__m512)p, (__m512)n);
#else
  const VecInt whole = bits - 0x4b400000;  // the bits of 12582912.0
  const VecInt half = whole >> 1;
  const Vec first = (Vec)((half + 127) << 23), second = (Vec)((whole - half + 127) << 23);
  return p * first * second;
#endif
}

/// 2^x for x ≤ 0 (decays). Values below 2^-125.5 may become zero; -infinity gives zero.
SSMPROF_INLINE Vec exp2_decay(Vec x) {
  const Vec c = x < -150.0F ? splat(-150.0F) : x;
  const Vec magic = c + 12582912.0F;  // rounds to a whole number, which stands in the low bits
  const Vec n = magic - 12582912.0F;
#if SSMPROF_SIMD_BITS == 512
  return (Vec)_mm512_scalef_ps((__m512)exp2_fraction(c - n), (__m512)n);
#else
  const Vec scaled = (Vec)((VecInt)exp2_fraction(c - n) + ((VecInt)magic << 23));
  return c < -125.5F ? Vec{} : scaled;
#endif
}

/// 2^x for every x; NaN stays NaN.
SSMPROF_INLINE Vec exp2_any(Vec x) {
  Vec c = x < -150.0F ? splat(-150.0F) : x;
  c = c > 130.0F ? splat(130.0F) : c;
  const Vec magic = c + 12582912.0F;
  const Vec n = magic - 12582912.0F;
  return scale(exp2_fraction(c - n), n, (VecInt)magic);
}

/// e^x: the product x·log2(e) is carried in two parts, so that large |x| keeps its precision.
SSMPROF_INLINE Vec exp_any(Vec x) {
  Vec c = x < -105.0F ? splat(-105.0F) : x;
  c = c > 92.0F ? splat(92.0F) : c;
  const Vec magic = c * log2e + 12582912.0F;
  const Vec n = magic - 12582912.0F;
  // ln 2 in two parts: the first has trailing zeros, n times it is exact.
  const Vec r = (c - n * 0x1.62e4p-1F) - n * 0x1.7f7d1cp-20F;
  return scale(exp2_fraction(r * log2e), n, (VecInt)magic);
}

/// ln(1 + e) for 0 ≤ e ≤ 1, relatively precise down to e → 0.
SSMPROF_INLINE Vec log1p_unit(Vec e) {
  const VecInt big = e > 0.41421356F;
  const Vec f = big ? (e - 1.0F) * 0.5F : e;
  const Vec s = f / (f + 2.0F);
  const Vec q = s * s;
  Vec p = splat(1.0F / 11.0F);
  p = p * q + 1.0F / 9.0F;
  p = p * q + 1.0F / 7.0F;
  p = p * q + 0.2F;
  p = p * q + 1.0F / 3.0F;
  const Vec log = 2.0F * (s + s * q * p);
  return big ? log + 0.69314718056F : log;
}

/// ln(1 + e^x), relatively precise over the whole range.
SSMPROF_INLINE Vec softplus(Vec x) {
  const Vec magnitude = x < 0.0F ? x : -x;
  const Vec positive = x < 0.0F ? Vec{} : x;
  return positive + log1p_unit(exp_any(magnitude));
}

/// x / (1 + e^-x), relatively precise where it vanishes too.
SSMPROF_INLINE Vec silu(Vec x) {
  const Vec e = exp_any(x < 0.0F ? x : -x);
  return x * (x < 0.0F ? e : splat(1.0F)) / (1.0F + e);
}

}  // namespace
}  // namespace ssmprof::kernels::cpu::SSMPROF_ISA
