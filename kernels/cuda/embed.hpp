#pragma once

#include "kernels/embed.hpp"

/// The CUDA implementation of kernels/embed.hpp. Arguments have been validated by the dispatching
/// function; `where.stream` is a cudaStream_t. Throws std::runtime_error when the launch fails.
namespace ssmprof::kernels::cuda {

void embed(const EmbedArgs& args, const Launch& where);

}  // namespace ssmprof::kernels::cuda
