#pragma once

#include <type_traits>

#include "kernels/cuda/mbarrier.cuh"
#include "kernels/cuda/packed.cuh"

/// What the selective scan's fast form needs of the device; the tests have a host's version.
namespace ssmprof::kernels::cuda {

__device__ inline float* shared_floats() {
  extern __shared__ float4 scan_shared[];
  return reinterpret_cast<float*>(scan_shared);
}

/// Where `threads` threads of a block meet.
template <int threads>
__device__ void block_barrier() {
  asm volatile("bar.sync 0, %0;" ::"n"(threads) : "memory");
}

/// A gate in shared memory that opens, again and again, when so many warps have come. Those who
/// come go on; who waits for it to open for the n-th time must do so before it opens for the n+2nd.
using Gate = std::uint64_t;

__device__ inline void gate_init(Gate* gate, int warps) {
  mbarrier_init(shared_address(gate), 32 * warps);
}
/// Called by all threads of a warp.
__device__ inline void gate_come(Gate* gate) {
  mbarrier_arrive(shared_address(gate));
}
/// `odd`: n is odd, counted from 0.
__device__ inline void gate_wait(const Gate* gate, int odd) {
  mbarrier_sleep(shared_address(gate), static_cast<std::uint32_t>(odd));
}

/// Moves a pointer on: two additions, whatever the compiler could make of several rounds' together.
template <class P>
__device__ void step_rows(P*& p, unsigned bytes) {
  asm volatile("{.reg .u64 wide; cvt.u64.u32 wide, %1; add.u64 %0, %0, wide;}"
               : "+l"(p)
               : "r"(bytes));
}

/// Two values so that softplus (or nothing) makes 0 of each.
template <class T>
__device__ std::uint32_t no_step(bool soft) {
  constexpr std::uint32_t minus_infinity =
      std::is_same_v<T, __nv_bfloat16> ? 0xff80ff80U : 0xfc00fc00U;
  return soft ? minus_infinity : 0U;
}

/// Loads where `token` < `tokens`; elsewhere `r` keeps its value. A predicate, not a branch:
/// branches would cut a kernel's inner loop into blocks that the compiler cannot interleave.
template <int words>
__device__ void load_words_below(Words<words>& r, const void* p, int token, int tokens) {
  if constexpr (words == 1) {
    asm volatile("{.reg .pred q; setp.lt.s32 q, %1, %2; @q ld.global.nc.u32 %0, [%3];}"
                 : "+r"(r.v[0])
                 : "r"(token), "r"(tokens), "l"(p));
  } else if constexpr (words == 2) {
    asm volatile("{.reg .pred q; setp.lt.s32 q, %2, %3; @q ld.global.nc.v2.u32 {%0,%1}, [%4];}"
                 : "+r"(r.v[0]), "+r"(r.v[1])
                 : "r"(token), "r"(tokens), "l"(p));
  } else {
    asm volatile(
        "{.reg .pred q; setp.lt.s32 q, %4, %5; @q ld.global.nc.v4.u32 {%0,%1,%2,%3}, [%6];}"
        : "+r"(r.v[0]), "+r"(r.v[1]), "+r"(r.v[2]), "+r"(r.v[3])
        : "r"(token), "r"(tokens), "l"(p));
  }
}

/// Where `wanted`: a predicate, not a branch: branches would cut a kernel's inner loop into blocks
/// that the compiler cannot interleave.
template <int words>
__device__ void store_words_if(void* p, const Words<words>& r, bool wanted) {
  const int w = wanted ? 1 : 0;
  if constexpr (words == 1) {
    asm volatile("{.reg .pred q; setp.ne.s32 q, %0, 0; @q st.global.u32 [%1], %2;}" ::"r"(w),
                 "l"(p), "r"(r.v[0])
                 : "memory");
  } else if constexpr (words == 2) {
    asm volatile(
        "{.reg .pred q; setp.ne.s32 q, %0, 0; @q st.global.v2.u32 [%1], {%2,%3};}" ::"r"(w), "l"(p),
        "r"(r.v[0]), "r"(r.v[1])
        : "memory");
  } else {
    asm volatile(
        "{.reg .pred q; setp.ne.s32 q, %0, 0; @q st.global.v4.u32 [%1], {%2,%3,%4,%5};}" ::"r"(w),
        "l"(p), "r"(r.v[0]), "r"(r.v[1]), "r"(r.v[2]), "r"(r.v[3])
        : "memory");
  }
}

/// To shared memory when `wanted`.
__device__ inline void store_shared_if(float2* p, float2 v, bool wanted) {
  asm volatile("{.reg .pred q; setp.ne.s32 q, %0, 0; @q st.shared.v2.f32 [%1], {%2,%3};}" ::"r"(
                   wanted ? 1 : 0),
               "r"(static_cast<unsigned>(__cvta_generic_to_shared(p))), "f"(v.x), "f"(v.y)
               : "memory");
}
__device__ inline void store_shared_if(float* p, float v, bool wanted) {
  asm volatile(
      "{.reg .pred q; setp.ne.s32 q, %0, 0; @q st.shared.f32 [%1], %2;}" ::"r"(wanted ? 1 : 0),
      "r"(static_cast<unsigned>(__cvta_generic_to_shared(p))), "f"(v)
      : "memory");
}

}  // namespace ssmprof::kernels::cuda
