#pragma once

#include "kernels/rms_norm.hpp"

/// The CUDA implementations of kernels/rms_norm.hpp. Arguments have been validated by the
/// dispatching function; `stream` is a cudaStream_t. Calls are asynchronous, allocate nothing and
/// never synchronize. They throw std::runtime_error when a launch fails.
namespace ssmprof::kernels::cuda {

void rms_norm(const RmsNormArgs& args, void* stream);
void gated_rms_norm(const GatedRmsNormArgs& args, void* stream);

}  // namespace ssmprof::kernels::cuda
