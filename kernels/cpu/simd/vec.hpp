#pragma once

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include <cstdint>
#include <cstring>

#include "kernels/cpu/convert.hpp"

// Set before inclusion: SSMPROF_ISA, the name of the instruction set, and SSMPROF_SIMD_BITS, 512
// for AVX-512 with FMA and F16C, 256 for AVX2 with FMA and F16C, 0 for vectors of four floats in
// whatever the compiler targets. The compiler's own macros (__AVX2__ …) would not do: a target
// pragma does not set them when preprocessing is a step of its own, as with ccache.

#define SSMPROF_INLINE inline __attribute__((always_inline))

namespace ssmprof::kernels::cpu::SSMPROF_ISA {
namespace {

constexpr int W = SSMPROF_SIMD_BITS == 0 ? 4 : SSMPROF_SIMD_BITS / 32;

/// W floats or integers in a register; arithmetic by GCC's vector extensions.
typedef float Vec __attribute__((vector_size(W * 4)));
typedef std::int32_t VecInt __attribute__((vector_size(W * 4)));
typedef std::uint32_t VecUint __attribute__((vector_size(W * 4)));
typedef std::uint16_t VecShort __attribute__((vector_size(W * 2)));

SSMPROF_INLINE Vec splat(float v) {
  return Vec{} + v;
}

SSMPROF_INLINE Vec load(const float* p) {
  Vec v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
SSMPROF_INLINE void store(float* p, Vec v) {
  std::memcpy(p, &v, sizeof v);
}

SSMPROF_INLINE Vec load(const Bf16* p) {
  VecShort s;
  std::memcpy(&s, p, sizeof s);
  return (Vec)(__builtin_convertvector(s, VecUint) << 16);
}
SSMPROF_INLINE void store(Bf16* p, Vec v) {
  const VecUint bits = (VecUint)v;
  const VecUint rounded = (bits + 0x7fffU + ((bits >> 16) & 1U)) >> 16;
  const VecUint quiet = (bits >> 16) | 0x40U;
  const VecUint out = v == v ? rounded : quiet;
  const VecShort s = __builtin_convertvector(out, VecShort);
  std::memcpy(p, &s, sizeof s);
}

SSMPROF_INLINE Vec load(const F16* p) {
#if SSMPROF_SIMD_BITS == 512
  return (Vec)_mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
#elif SSMPROF_SIMD_BITS == 256
  return (Vec)_mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
#else
  Vec v;
  for (int i = 0; i < W; ++i) v[i] = to_float(p[i]);
  return v;
#endif
}
SSMPROF_INLINE void store(F16* p, Vec v) {
#if SSMPROF_SIMD_BITS == 512
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p),
                      _mm512_cvtps_ph((__m512)v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
#elif SSMPROF_SIMD_BITS == 256
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p),
                   _mm256_cvtps_ph((__m256)v, _MM_FROUND_TO_NEAREST_INT));
#else
  for (int i = 0; i < W; ++i) p[i] = from_float<F16>(v[i]);
#endif
}

/// The first `count` < W elements, the rest zero.
template <typename T>
SSMPROF_INLINE Vec load_part(const T* p, std::int64_t count) {
  T part[W] = {};
  for (std::int64_t i = 0; i < count; ++i) part[i] = p[i];
  return load(part);
}
template <typename T>
SSMPROF_INLINE void store_part(T* p, Vec v, std::int64_t count) {
  T part[W];
  store(part, v);
  for (std::int64_t i = 0; i < count; ++i) p[i] = part[i];
}

#if SSMPROF_SIMD_BITS == 512
SSMPROF_INLINE __mmask16 first_lanes(std::int64_t count) {
  return static_cast<__mmask16>((1U << count) - 1U);
}
SSMPROF_INLINE Vec load_part(const float* p, std::int64_t count) {
  return (Vec)_mm512_maskz_loadu_ps(first_lanes(count), p);
}
SSMPROF_INLINE void store_part(float* p, Vec v, std::int64_t count) {
  _mm512_mask_storeu_ps(p, first_lanes(count), (__m512)v);
}
SSMPROF_INLINE Vec load_part(const Bf16* p, std::int64_t count) {
  const __m256i bits = _mm256_maskz_loadu_epi16(first_lanes(count), p);
  return (Vec)_mm512_slli_epi32(_mm512_cvtepu16_epi32(bits), 16);
}
SSMPROF_INLINE Vec load_part(const F16* p, std::int64_t count) {
  return (Vec)_mm512_cvtph_ps(_mm256_maskz_loadu_epi16(first_lanes(count), p));
}
#elif SSMPROF_SIMD_BITS == 256
SSMPROF_INLINE __m256i first_lanes(std::int64_t count) {
  const __m256i lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(count)), lanes);
}
SSMPROF_INLINE Vec load_part(const float* p, std::int64_t count) {
  return (Vec)_mm256_maskload_ps(p, first_lanes(count));
}
SSMPROF_INLINE void store_part(float* p, Vec v, std::int64_t count) {
  _mm256_maskstore_ps(p, first_lanes(count), (__m256)v);
}
#endif

/// Sum of the lanes, always in the same order.
SSMPROF_INLINE float sum(Vec v) {
  float lanes[W];
  store(lanes, v);
  for (int half = W / 2; half > 0; half /= 2) {
    for (int i = 0; i < half; ++i) lanes[i] += lanes[i + half];
  }
  return lanes[0];
}

}  // namespace
}  // namespace ssmprof::kernels::cpu::SSMPROF_ISA
