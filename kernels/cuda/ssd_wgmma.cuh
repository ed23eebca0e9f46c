#pragma once

#include <type_traits>

#include "kernels/cuda/ssd_sm90.cuh"

/// Hopper's warpgroup matrix products on swizzled panels.
namespace ssmprof::kernels::cuda::sm90 {

/// Descriptor of a swizzled panel: rows of 128 bytes, groups of 8 rows 1024 bytes apart. It serves
/// both orders (row = non-contracted index, or row = contracted index with the transpose flag).
__device__ __forceinline__ std::uint64_t panel_descriptor(std::uint32_t address) {
  return static_cast<std::uint64_t>((address & 0x3FFFFU) >> 4) |
         (static_cast<std::uint64_t>(kPanelBytes >> 4) << 16) |
         (static_cast<std::uint64_t>(1024 >> 4) << 32) | (std::uint64_t{1} << 62);
}

__device__ __forceinline__ void wgmma_fence() {
  asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
}
__device__ __forceinline__ void wgmma_commit() {
  asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
}
template <int kPending>
__device__ __forceinline__ void wgmma_wait() {
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(kPending) : "memory");
}

/// Keeps the compiler from moving accesses to an accumulator across a wait.
template <int kCount>
__device__ __forceinline__ void pin(float (&d)[kCount]) {
#pragma unroll
  for (int i = 0; i < kCount; ++i) asm volatile("" : "+f"(d[i])::"memory");
}

#define SSMPROF_ACC32(d)                                                                          \
  "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3]), "+f"(d[4]), "+f"(d[5]), "+f"(d[6]), "+f"(d[7]), \
      "+f"(d[8]), "+f"(d[9]), "+f"(d[10]), "+f"(d[11]), "+f"(d[12]), "+f"(d[13]), "+f"(d[14]),    \
      "+f"(d[15]), "+f"(d[16]), "+f"(d[17]), "+f"(d[18]), "+f"(d[19]), "+f"(d[20]), "+f"(d[21]),  \
      "+f"(d[22]), "+f"(d[23]), "+f"(d[24]), "+f"(d[25]), "+f"(d[26]), "+f"(d[27]), "+f"(d[28]),  \
      "+f"(d[29]), "+f"(d[30]), "+f"(d[31])
#define SSMPROF_ACC32_LIST                                                                      \
  "{%0,%1,%2,%3,%4,%5,%6,%7,%8,%9,%10,%11,%12,%13,%14,%15,%16,%17,%18,%19,%20,%21,%22,%23,%24," \
  "%25,%26,%27,%28,%29,%30,%31}"
#define SSMPROF_WGMMA_SS(TYPE)                                                           \
  asm volatile(                                                                          \
      "{\n.reg .pred p;\nsetp.ne.b32 p, %34, 0;\n"                                       \
      "wgmma.mma_async.sync.aligned.m64n64k16.f32." TYPE "." TYPE " " SSMPROF_ACC32_LIST \
      ", %32, %33, p, 1, 1, 0, 0;\n}"                                                    \
      : SSMPROF_ACC32(d)                                                                 \
      : "l"(a), "l"(b), "r"(accumulate)                                                  \
      : "memory")
#define SSMPROF_WGMMA_RS(TYPE, TRANSPOSED)                                               \
  asm volatile(                                                                          \
      "{\n.reg .pred p;\nsetp.ne.b32 p, %37, 0;\n"                                       \
      "wgmma.mma_async.sync.aligned.m64n64k16.f32." TYPE "." TYPE " " SSMPROF_ACC32_LIST \
      ", {%32,%33,%34,%35}, %36, p, 1, 1, " TRANSPOSED ";\n}"                            \
      : SSMPROF_ACC32(d)                                                                 \
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b), "r"(accumulate)              \
      : "memory")

/// d[64×64] (+)= A[64×16]·Bᵀ, both panels with the contracted index along the row.
template <typename T>
__device__ __forceinline__ void wgmma_ss(float (&d)[32], std::uint64_t a, std::uint64_t b,
                                         int accumulate) {
  if constexpr (std::is_same_v<T, __nv_bfloat16>) {
    SSMPROF_WGMMA_SS("bf16");
  } else {
    SSMPROF_WGMMA_SS("f16");
  }
}

/// d[64×64] (+)= A[64×16]·B, A in registers. kRows: B's rows are the contracted index (16×64);
/// otherwise the contracted index runs along B's rows (64×16, used transposed).
template <typename T, bool kRows>
__device__ __forceinline__ void wgmma_rs(float (&d)[32], const std::uint32_t (&a)[4],
                                         std::uint64_t b, int accumulate) {
  if constexpr (std::is_same_v<T, __nv_bfloat16> && kRows) {
    SSMPROF_WGMMA_RS("bf16", "1");
  } else if constexpr (std::is_same_v<T, __nv_bfloat16>) {
    SSMPROF_WGMMA_RS("bf16", "0");
  } else if constexpr (kRows) {
    SSMPROF_WGMMA_RS("f16", "1");
  } else {
    SSMPROF_WGMMA_RS("f16", "0");
  }
}

#undef SSMPROF_WGMMA_SS
#undef SSMPROF_WGMMA_RS
#undef SSMPROF_ACC32
#undef SSMPROF_ACC32_LIST

}  // namespace ssmprof::kernels::cuda::sm90
