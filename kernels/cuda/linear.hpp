#pragma once

#include "kernels/cuda/linear_plan.hpp"
#include "kernels/linear.hpp"

/// The CUDA implementation of kernels/linear.hpp. Arguments have been validated by the dispatching
/// function; `where.stream` is a cudaStream_t. Calls are asynchronous, allocate nothing and never
/// synchronize. They throw std::runtime_error when a launch fails.
namespace ssmprof::kernels::cuda {

void linear(const LinearArgs& args, const Launch& where);

/// The same by a given plan, which must fit the arguments' alignment and the device.
void linear(const LinearArgs& args, const LinearPlan& plan, const Launch& where);
void linear(const LinearArgs& args, const LinearWidePlan& plan, const Launch& where);

}  // namespace ssmprof::kernels::cuda
