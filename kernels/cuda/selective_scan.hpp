#pragma once

#include "kernels/launch.hpp"
#include "kernels/selective_scan.hpp"

/// The CUDA implementations of kernels/selective_scan.hpp. Arguments have been validated by the
/// dispatching function; `where.stream` is a cudaStream_t. Calls are asynchronous, allocate nothing
/// and never synchronize. They throw std::runtime_error when a launch fails.
namespace ssmprof::kernels::cuda {

void selective_scan(const SelectiveScanArgs& args, const Launch& where);

/// Bytes of scratch that the call above needs.
std::size_t selective_scan_workspace(const SelectiveScanArgs& args);

void selective_state_update(const SelectiveStateUpdateArgs& args, const Launch& where);
/// The same with a rank; throws std::invalid_argument for what it does not support.
void selective_step(const SelectiveStateUpdateArgs& args, const Launch& where);
bool selective_step_supports(const SelectiveStateUpdateArgs& args);

}  // namespace ssmprof::kernels::cuda
