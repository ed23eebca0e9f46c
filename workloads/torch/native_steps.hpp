#pragma once

#include "kernels/launch.hpp"
#include "workloads/torch/ops.hpp"

/// What a fused decode step of the native backend adds to its operations, see Ops.
namespace ssmprof::workloads::native {

StepLinearResult linear_step(const StepLinearCall& call, const kernels::Launch& launch);
StepStream embed_step(const at::Tensor& ids, const at::Tensor& table, at::ScalarType residual_type,
                      const at::Tensor& norm_weight, const kernels::Launch& launch);

}  // namespace ssmprof::workloads::native
