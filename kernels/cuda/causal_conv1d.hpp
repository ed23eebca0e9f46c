#pragma once

#include "kernels/causal_conv1d.hpp"
#include "kernels/launch.hpp"

/// The CUDA implementations of kernels/causal_conv1d.hpp. Arguments have been validated by the
/// dispatching function; `where.stream` is a cudaStream_t. Calls are asynchronous, allocate nothing
/// and never synchronize. They throw std::runtime_error when a launch fails.
namespace ssmprof::kernels::cuda {

void causal_conv1d(const CausalConv1dArgs& args, const Launch& where);
void causal_conv1d_update(const CausalConv1dArgs& args, const Launch& where);

}  // namespace ssmprof::kernels::cuda
