#pragma once

#include "kernels/launch.hpp"
#include "kernels/ssd.hpp"

/// The CUDA implementations of kernels/ssd.hpp. Arguments have been validated by the
/// dispatching function; `where.stream` is a cudaStream_t. Calls are asynchronous, allocate nothing
/// and never synchronize. They throw std::runtime_error when a launch fails.
namespace ssmprof::kernels::cuda {

void ssd(const SsdArgs& args, const Launch& where);

/// Bytes of scratch that the call above needs.
std::size_t ssd_workspace(const SsdArgs& args);

/// The chunk length that the call above executes with.
std::int64_t ssd_chunk(const SsdArgs& args);

void ssd_state_update(const SsdStateUpdateArgs& args, const Launch& where);

}  // namespace ssmprof::kernels::cuda
