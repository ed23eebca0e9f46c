#pragma once

#include "kernels/gate.hpp"
#include "kernels/launch.hpp"

/// The CUDA implementations of kernels/gate.hpp. Arguments have been validated by the
/// dispatching function; `where.stream` is a cudaStream_t. Calls are asynchronous, allocate nothing
/// and never synchronize. They throw std::runtime_error when a launch fails.
namespace ssmprof::kernels::cuda {

void gate(const GateArgs& args, const Launch& where);

}  // namespace ssmprof::kernels::cuda
