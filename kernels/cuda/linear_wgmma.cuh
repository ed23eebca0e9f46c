#pragma once

#include <cstdint>
#include <type_traits>

#include "kernels/cuda/common.cuh"

/// Hopper's matrix product of a warpgroup as the wide linear layer uses it: D[64×N] += A[64×16]·Bᵀ,
/// both in shared memory with the contracted index along rows of 128 bytes, 128-byte swizzle.
namespace ssmprof::kernels::cuda::linear_detail {

#define SSMPROF_LIST12 "%0,%1,%2,%3,%4,%5,%6,%7,%8,%9,%10,%11"
#define SSMPROF_LIST20 SSMPROF_LIST12 ",%12,%13,%14,%15,%16,%17,%18,%19"
#define SSMPROF_LIST24 SSMPROF_LIST20 ",%20,%21,%22,%23"
#define SSMPROF_LIST32 SSMPROF_LIST24 ",%24,%25,%26,%27,%28,%29,%30,%31"
#define SSMPROF_LIST40 SSMPROF_LIST32 ",%32,%33,%34,%35,%36,%37,%38,%39"
#define SSMPROF_LIST44 SSMPROF_LIST40 ",%40,%41,%42,%43"
#define SSMPROF_LIST48 SSMPROF_LIST44 ",%44,%45,%46,%47"
#define SSMPROF_LIST64 \
  SSMPROF_LIST48 ",%48,%49,%50,%51,%52,%53,%54,%55,%56,%57,%58,%59,%60,%61,%62,%63"
#define SSMPROF_FOUR(i) "+f"(d[i]), "+f"(d[i + 1]), "+f"(d[i + 2]), "+f"(d[i + 3])
#define SSMPROF_SUMS12 SSMPROF_FOUR(0), SSMPROF_FOUR(4), SSMPROF_FOUR(8)
#define SSMPROF_SUMS20 SSMPROF_SUMS12, SSMPROF_FOUR(12), SSMPROF_FOUR(16)
#define SSMPROF_SUMS24 SSMPROF_SUMS20, SSMPROF_FOUR(20)
#define SSMPROF_SUMS32 SSMPROF_SUMS24, SSMPROF_FOUR(24), SSMPROF_FOUR(28)
#define SSMPROF_SUMS40 SSMPROF_SUMS32, SSMPROF_FOUR(32), SSMPROF_FOUR(36)
#define SSMPROF_SUMS44 SSMPROF_SUMS40, SSMPROF_FOUR(40)
#define SSMPROF_SUMS48 SSMPROF_SUMS44, SSMPROF_FOUR(44)
#define SSMPROF_SUMS64 \
  SSMPROF_SUMS48, SSMPROF_FOUR(48), SSMPROF_FOUR(52), SSMPROF_FOUR(56), SSMPROF_FOUR(60)
#define SSMPROF_WGMMA(N, TYPE, HALF, A, B)                                                    \
  asm volatile("{\n.reg .pred p;\nsetp.eq.b32 p, 0, 0;\nwgmma.mma_async.sync.aligned.m64n" #N \
               "k16.f32." TYPE "." TYPE " {" SSMPROF_LIST##HALF "}, %" #A ", %" #B            \
                                                                ", p, 1, 1, 0, 0;\n}"         \
               : SSMPROF_SUMS##HALF                                                           \
               : "l"(a), "l"(b)                                                               \
               : "memory")
#define SSMPROF_WGMMA_TYPES(N, HALF, A, B)          \
  if constexpr (kN == N) {                          \
    if constexpr (std::is_same_v<T, __nv_bfloat16>) \
      SSMPROF_WGMMA(N, "bf16", HALF, A, B);         \
    else                                            \
      SSMPROF_WGMMA(N, "f16", HALF, A, B);          \
  }

template <class T, int kN>
__device__ void wgmma(float (&d)[kN / 2], std::uint64_t a, std::uint64_t b) {
  SSMPROF_WGMMA_TYPES(24, 12, 12, 13)
  SSMPROF_WGMMA_TYPES(40, 20, 20, 21)
  SSMPROF_WGMMA_TYPES(48, 24, 24, 25)
  SSMPROF_WGMMA_TYPES(64, 32, 32, 33)
  SSMPROF_WGMMA_TYPES(80, 40, 40, 41)
  SSMPROF_WGMMA_TYPES(88, 44, 44, 45)
  SSMPROF_WGMMA_TYPES(96, 48, 48, 49)
  SSMPROF_WGMMA_TYPES(128, 64, 64, 65)
}

#undef SSMPROF_LIST12
#undef SSMPROF_SUMS12
#undef SSMPROF_LIST20
#undef SSMPROF_SUMS20
#undef SSMPROF_LIST24
#undef SSMPROF_SUMS24
#undef SSMPROF_LIST32
#undef SSMPROF_SUMS32
#undef SSMPROF_LIST40
#undef SSMPROF_SUMS40
#undef SSMPROF_LIST44
#undef SSMPROF_SUMS44
#undef SSMPROF_LIST48
#undef SSMPROF_SUMS48
#undef SSMPROF_LIST64
#undef SSMPROF_SUMS64
#undef SSMPROF_FOUR
#undef SSMPROF_WGMMA
#undef SSMPROF_WGMMA_TYPES

}  // namespace ssmprof::kernels::cuda::linear_detail
