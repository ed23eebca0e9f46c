#pragma once

#include "kernels/launch.hpp"
#include "kernels/rms_norm.hpp"

/// The CUDA implementations of kernels/rms_norm.hpp. Arguments have been validated by the
/// dispatching function; `where.stream` is a cudaStream_t. Calls are asynchronous, allocate nothing
/// and never synchronize. They throw std::runtime_error when a launch fails.
namespace ssmprof::kernels::cuda {

void rms_norm(const RmsNormArgs& args, const Launch& where);
void gated_rms_norm(const GatedRmsNormArgs& args, const Launch& where);

}  // namespace ssmprof::kernels::cuda
