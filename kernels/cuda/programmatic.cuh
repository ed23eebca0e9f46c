#pragma once

#include "kernels/cuda/common.cuh"
#include "kernels/launch.hpp"

/// Programmatic dependent launch: the blocks of a kernel may be started while the last ones of the
/// kernel before it on the stream still run, so that the start of one hides behind the end of the
/// other, inside a graph too. Such a kernel calls wait_for_previous_grid() before it touches memory
/// that another kernel may use; every thread does.
namespace ssmprof::kernels::cuda {

/// Returns when the kernels before this one have finished and their writes are visible. Nothing
/// where launches do not overlap.
__device__ inline void wait_for_previous_grid() {
#if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}

/// Lets the next kernel's blocks start once every block of this one has come here or ended. It
/// still waits for the end of this kernel.
__device__ inline void let_next_grid_start() {
#if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.launch_dependents;");
#endif
}

/// Whether the current device runs code in which the two functions above are instructions.
bool launches_overlap();

/// kernel<<<grid, threads, shared, where.stream>>>(args...), overlapping with the end of the kernel
/// before it where the caller allows that and it is possible. Throws std::runtime_error naming
/// `what` when the launch fails.
template <class... Parameters, class... Args>
void launch_overlapping(const char* what, void (*kernel)(Parameters...), dim3 grid, int threads,
                        std::size_t shared, const Launch& where, const Args&... args) {
  cudaLaunchAttribute attribute{};
  attribute.id = cudaLaunchAttributeProgrammaticStreamSerialization;
  attribute.val.programmaticStreamSerializationAllowed = 1;
  cudaLaunchConfig_t config{};
  config.gridDim = grid;
  config.blockDim = dim3(static_cast<unsigned>(threads));
  config.dynamicSmemBytes = shared;
  config.stream = static_cast<cudaStream_t>(where.stream);
  config.attrs = &attribute;
  config.numAttrs = where.overlap && launches_overlap() ? 1 : 0;
  check(cudaLaunchKernelEx(&config, kernel, static_cast<Parameters>(args)...), what);
}

}  // namespace ssmprof::kernels::cuda
