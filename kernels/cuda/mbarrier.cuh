#pragma once

#include <cstdint>

/// Barriers in shared memory that open, phase after phase, when so many threads have arrived and so
/// many bytes as are expected have come. Who waits for the phase of a parity (0 for the first) must
/// do so before the phase after the next begins.
namespace ssmprof::kernels::cuda {

__device__ __forceinline__ std::uint32_t shared_address(const void* p) {
  return static_cast<std::uint32_t>(__cvta_generic_to_shared(p));
}

__device__ __forceinline__ void mbarrier_init(std::uint32_t bar, int count) {
  asm volatile("mbarrier.init.shared.b64 [%0], %1;" ::"r"(bar), "r"(count) : "memory");
}

/// What the thread has read and written before, whoever waits finds done.
__device__ __forceinline__ void mbarrier_arrive(std::uint32_t bar) {
  asm volatile("{.reg .b64 state; mbarrier.arrive.shared.b64 state, [%0];}" ::"r"(bar) : "memory");
}

/// Arrives, and has the phase wait for so many bytes more (compute capability 9.0).
__device__ __forceinline__ void mbarrier_expect(std::uint32_t bar, std::uint32_t bytes) {
  asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(bar), "r"(bytes)
               : "memory");
}

__device__ __forceinline__ void mbarrier_wait(std::uint32_t bar, std::uint32_t parity) {
#if __CUDA_ARCH__ >= 900
  asm volatile(
      "{\n.reg .pred p;\n"
      "WAIT:\nmbarrier.try_wait.parity.shared::cta.b64 p, [%0], %1;\n"
      "@p bra DONE;\nbra WAIT;\nDONE:\n}" ::"r"(bar),
      "r"(parity)
      : "memory");
#else
  asm volatile(
      "{\n.reg .pred p;\n"
      "WAIT:\nmbarrier.test_wait.parity.shared.b64 p, [%0], %1;\n"
      "@!p bra WAIT;\n}" ::"r"(bar),
      "r"(parity)
      : "memory");
#endif
}

/// The same, asleep meanwhile where the hardware can: looking again and again takes issue slots
/// from warps that work.
__device__ __forceinline__ void mbarrier_sleep(std::uint32_t bar, std::uint32_t parity) {
#if __CUDA_ARCH__ >= 900
  constexpr unsigned kNanoseconds = 10'000'000;
  asm volatile(
      "{\n.reg .pred p;\n"
      "WAIT:\nmbarrier.try_wait.parity.shared::cta.b64 p, [%0], %1, %2;\n"
      "@!p bra WAIT;\n}" ::"r"(bar),
      "r"(parity), "n"(kNanoseconds)
      : "memory");
#else
  mbarrier_wait(bar, parity);
#endif
}

}  // namespace ssmprof::kernels::cuda
