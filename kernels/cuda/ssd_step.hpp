#pragma once

#include "kernels/launch.hpp"
#include "kernels/ssd_step.hpp"

/// The CUDA implementation of kernels/ssd_step.hpp. Arguments have been validated by the
/// dispatching function; `where.stream` is a cudaStream_t. Calls are asynchronous, allocate nothing
/// and never synchronize. They throw std::runtime_error when a launch fails.
namespace ssmprof::kernels::cuda {

void ssd_step(const SsdStepArgs& args, const Launch& where);

/// `convolved`: bytes of the convolved rows, which the two-launch form needs.
std::size_t ssd_step_workspace(const SsdStepArgs& args, std::size_t convolved);

}  // namespace ssmprof::kernels::cuda
