#pragma once

#include "kernels/argmax.hpp"

/// The CUDA implementation of kernels/argmax.hpp. Arguments have been validated by the dispatching
/// function; `where.stream` is a cudaStream_t. Throws std::runtime_error when the launch fails.
namespace ssmprof::kernels::cuda {

void argmax(const ArgmaxArgs& args, const Launch& where);

}  // namespace ssmprof::kernels::cuda
