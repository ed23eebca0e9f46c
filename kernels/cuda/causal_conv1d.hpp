#pragma once

#include "kernels/causal_conv1d.hpp"

/// The CUDA implementations of kernels/causal_conv1d.hpp. Arguments have been validated by the
/// dispatching function; `stream` is a cudaStream_t. Calls are asynchronous, allocate nothing and
/// never synchronize. They throw std::runtime_error when a launch fails.
namespace ssmprof::kernels::cuda {

void causal_conv1d(const CausalConv1dArgs& args, void* stream);
void causal_conv1d_update(const CausalConv1dArgs& args, void* stream);

}  // namespace ssmprof::kernels::cuda
