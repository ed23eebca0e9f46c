#pragma once

#include "kernels/cuda/common.cuh"

/// Pairs of 16-bit values in 32-bit words, and the TF32 tensor-core product of registers.
namespace ssmprof::kernels::cuda {

/// D[16×8] = A[16×8]·B[8×8] (+ D) in TF32: lane = 4·row + column of A's elements a0 (rows 0–7) and
/// a1 (rows 8–15), a2 and a3 the same four columns on; b0 is row lane % 4, b1 four rows on, column
/// lane / 4; d0, d1 lie in row lane / 4, d2, d3 in row lane / 4 + 8, columns 2·(lane % 4) and the
/// next (PTX ISA, mma.m16n8k8).
template <bool add>
__device__ void mma_k8(float (&d)[4], float a0, float a1, float a2, float a3, float b0, float b1) {
  const float c[4] = {add ? d[0] : 0, add ? d[1] : 0, add ? d[2] : 0, add ? d[3] : 0};
  asm("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
      "{%10,%11,%12,%13};"
      : "=f"(d[0]), "=f"(d[1]), "=f"(d[2]), "=f"(d[3])
      : "r"(__float_as_uint(a0)), "r"(__float_as_uint(a1)), "r"(__float_as_uint(a2)),
        "r"(__float_as_uint(a3)), "r"(__float_as_uint(b0)), "r"(__float_as_uint(b1)), "f"(c[0]),
        "f"(c[1]), "f"(c[2]), "f"(c[3]));
}

/// Two packed 16-bit values to fp32.
template <class T>
__device__ float2 widen(std::uint32_t packed);
template <>
__device__ inline float2 widen<__nv_bfloat16>(std::uint32_t packed) {
  return {__uint_as_float(packed << 16), __uint_as_float(packed & 0xffff0000U)};
}
template <>
__device__ inline float2 widen<__half>(std::uint32_t packed) {
  return __half22float2(*reinterpret_cast<const __half2*>(&packed));
}

template <class T>
__device__ std::uint32_t narrow(float low, float high);
template <>
__device__ inline std::uint32_t narrow<__nv_bfloat16>(float low, float high) {
  const __nv_bfloat162 v = __floats2bfloat162_rn(low, high);
  return *reinterpret_cast<const std::uint32_t*>(&v);
}
template <>
__device__ inline std::uint32_t narrow<__half>(float low, float high) {
  const __half2 v = __floats2half2_rn(low, high);
  return *reinterpret_cast<const std::uint32_t*>(&v);
}

/// `words` 32-bit words in one access through the read-only path.
template <int words>
struct Words {
  std::uint32_t v[words];
};
template <int words>
__device__ Words<words> load_words(const void* p) {
  Words<words> r;
  if constexpr (words == 1) {
    r.v[0] = __ldg(static_cast<const unsigned int*>(p));
  } else if constexpr (words == 2) {
    const uint2 w = __ldg(static_cast<const uint2*>(p));
    r.v[0] = w.x, r.v[1] = w.y;
  } else {
    const uint4 w = __ldg(static_cast<const uint4*>(p));
    r.v[0] = w.x, r.v[1] = w.y, r.v[2] = w.z, r.v[3] = w.w;
  }
  return r;
}
template <int words>
__device__ void store_words(void* p, const Words<words>& r) {
  if constexpr (words == 1)
    *static_cast<unsigned int*>(p) = r.v[0];
  else if constexpr (words == 2)
    *static_cast<uint2*>(p) = {r.v[0], r.v[1]};
  else
    *static_cast<uint4*>(p) = {r.v[0], r.v[1], r.v[2], r.v[3]};
}

/// wanted ? a : b, as a selection and never a branch.
__device__ inline float select(bool wanted, float a, float b) {
  float r;
  asm("{.reg .pred q; setp.ne.s32 q, %3, 0; selp.f32 %0, %1, %2, q;}"
      : "=f"(r)
      : "f"(a), "f"(b), "r"(wanted ? 1 : 0));
  return r;
}

}  // namespace ssmprof::kernels::cuda
