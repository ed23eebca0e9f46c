#pragma once

#include <type_traits>

#include "kernels/cuda/common.cuh"
#include "kernels/cuda/mbarrier.cuh"

/// The instructions that the linear layer is made of.
namespace ssmprof::kernels::cuda {

/// D[16×8] += A[16×16]·B[16×8] of 16-bit elements, as load_matrices() leaves them: a = {rows 0–7,
/// rows 8–15} of the first eight inputs, then of the second; b0, b1 the first and second eight.
/// d0, d1 lie in row lane / 4, d2, d3 eight below, columns 2·(lane % 4) and the next (PTX ISA,
/// mma.m16n8k16).
template <class T>
__device__ void mma_k16(float (&d)[4], const uint4& a, std::uint32_t b0, std::uint32_t b1) {
  if constexpr (std::is_same_v<T, __half>) {
    asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, "
        "{%8,%9}, {%0,%1,%2,%3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a.x), "r"(a.y), "r"(a.z), "r"(a.w), "r"(b0), "r"(b1));
  } else {
    asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, "
        "{%8,%9}, {%0,%1,%2,%3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a.x), "r"(a.y), "r"(a.z), "r"(a.w), "r"(b0), "r"(b1));
  }
}

/// The dynamic shared memory of the block.
__device__ inline unsigned char* block_memory() {
  extern __shared__ __align__(128) unsigned char memory[];
  return memory;
}

/// Brings what stands there into the L2.
__device__ inline void prefetch(const void* p) {
  asm volatile("prefetch.global.L2 [%0];" ::"l"(p));
}
/// 16 bytes to shared memory, asynchronously; zeros, and no look at `from`, when not `wanted`.
__device__ inline void copy_async(std::uint32_t to, const void* from, bool wanted) {
  asm volatile("cp.async.cg.shared.global.L2::128B [%0], [%1], 16, %2;" ::"r"(to), "l"(from),
               "r"(wanted ? 16 : 0)
               : "memory");
}
/// 8 bytes, always wanted.
__device__ inline void copy_async_8(std::uint32_t to, const void* from) {
  asm volatile("cp.async.ca.shared.global [%0], [%1], 8;" ::"r"(to), "l"(from) : "memory");
}
template <class P>
__device__ P load_shared_16(std::uint32_t address) {
  static_assert(sizeof(P) == 16);
  uint4 v;
  asm volatile("ld.shared.v4.u32 {%0,%1,%2,%3}, [%4];"
               : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w)
               : "r"(address)
               : "memory");
  P p;
  memcpy(&p, &v, 16);
  return p;
}
template <class P>
__device__ P load_shared_8(std::uint32_t address) {
  static_assert(sizeof(P) == 8);
  uint2 v;
  asm volatile("ld.shared.v2.u32 {%0,%1}, [%2];" : "=r"(v.x), "=r"(v.y) : "r"(address) : "memory");
  P p;
  memcpy(&p, &v, 8);
  return p;
}
__device__ inline void commit_copies() {
  asm volatile("cp.async.commit_group;" ::: "memory");
}
/// Returns when all but the `pending` newest groups of this thread have arrived.
template <int pending>
__device__ void wait_for_copies() {
  asm volatile("cp.async.wait_group %0;" ::"n"(pending) : "memory");
}

/// The sum of eight, of four neighbouring lanes; whole warps.
__device__ inline float sum_of_eight(float v) {
  v += __shfl_xor_sync(0xffffffffU, v, 4);
  v += __shfl_xor_sync(0xffffffffU, v, 2);
  return v + __shfl_xor_sync(0xffffffffU, v, 1);
}
__device__ inline float sum_of_four(float v) {
  v += __shfl_xor_sync(0xffffffffU, v, 1);
  return v + __shfl_xor_sync(0xffffffffU, v, 2);
}

/// Four matrices of 8×8 16-bit elements: lane l gives the address of row l % 8 of matrix l / 8 and
/// gets the elements 2·(l % 4) and the next of row l / 4 of each (PTX ISA, ldmatrix).
__device__ inline uint4 load_matrices(std::uint32_t address) {
  uint4 v;
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w)
               : "r"(address)
               : "memory");
  return v;
}
__device__ inline void store_shared(std::uint32_t address, uint4 v) {
  asm volatile("st.shared.v4.u32 [%0], {%1,%2,%3,%4};" ::"r"(address), "r"(v.x), "r"(v.y), "r"(v.z),
               "r"(v.w)
               : "memory");
}

#if __CUDA_ARCH__ >= 900
__device__ inline std::uint32_t cluster_blocks() {
  std::uint32_t v;
  asm("mov.u32 %0, %%cluster_nctarank;" : "=r"(v));
  return v;
}
__device__ inline std::uint32_t cluster_rank() {
  std::uint32_t v;
  asm("mov.u32 %0, %%cluster_ctarank;" : "=r"(v));
  return v;
}
/// A barrier over the cluster that orders shared memory. Not the aligned form: lanes may have left
/// the loops before it at different times.
__device__ inline void cluster_barrier() {
  asm volatile("barrier.cluster.arrive.release;\nbarrier.cluster.wait.acquire;" ::: "memory");
}
/// Four floats of another block's shared memory; `address` as in this block.
__device__ inline float4 load_cluster(std::uint32_t address, std::uint32_t rank) {
  float4 v;
  asm volatile(
      "{.reg .b32 a; mapa.shared::cluster.u32 a, %4, %5; ld.shared::cluster.v4.f32 "
      "{%0,%1,%2,%3}, [a];}"
      : "=f"(v.x), "=f"(v.y), "=f"(v.z), "=f"(v.w)
      : "r"(address), "r"(rank)
      : "memory");
  return v;
}
__device__ inline void barrier_init(std::uint32_t barrier) {
  mbarrier_init(barrier, 1);
  asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
}
/// Orders this thread's accesses of shared memory, the barrier's start included, before copies of
/// the copy engine.
__device__ inline void fence_copy_engine() {
  asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
}
/// `bytes` (a multiple of 16) to shared memory by the copy engine, counted by the barrier.
__device__ inline void copy_bulk(std::uint32_t to, const void* from, std::uint32_t bytes,
                                 std::uint32_t barrier) {
  asm volatile(
      "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1], %2, [%3];" ::
          "r"(to),
      "l"(from), "r"(bytes), "r"(barrier)
      : "memory");
}
#else
__device__ inline std::uint32_t cluster_blocks() {
  return 1;
}
__device__ inline std::uint32_t cluster_rank() {
  return 0;
}
__device__ inline void cluster_barrier() {}
__device__ inline float4 load_cluster(std::uint32_t address, std::uint32_t) {
  float4 v;
  asm volatile("ld.shared.v4.f32 {%0,%1,%2,%3}, [%4];"
               : "=f"(v.x), "=f"(v.y), "=f"(v.z), "=f"(v.w)
               : "r"(address)
               : "memory");
  return v;
}
#endif

}  // namespace ssmprof::kernels::cuda
