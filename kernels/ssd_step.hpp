#pragma once

#include <limits>

#include "kernels/causal_conv1d.hpp"
#include "kernels/ssd.hpp"

namespace ssmprof::kernels {

/// One decode step of Mamba-2 between in_proj and the norm, in one launch where the device has the
/// fused kernel: causal_conv1d_update (with SiLU) of the packed rows x · B · C, then
/// ssd_state_update of what it gives, with the skip and the gate. See those for the formulas. Both
/// states are updated in place; results do not depend on the order of blocks. Rows have length 1:
/// element (b, c) stands at data[b·batch_stride + c].
struct SsdStepArgs {
  DType dtype = DType::f32;        ///< xbc, dt, z, conv weight, bias and state, out
  DType state_dtype = DType::f32;  ///< ssm_state
  std::int64_t batch = 0, heads = 0, head_dim = 0, groups = 1, state = 0;
  std::int64_t width = 4;  ///< taps of the convolution, in [1, 16]
  ConstRows xbc;           ///< [batch, heads·head_dim + 2·groups·state], before the convolution
  ConstRows dt;            ///< [batch, heads]
  ConstRows z;             ///< [batch, heads·head_dim] or not given: no gate
  const void* conv_weight = nullptr;  ///< [channels of xbc, width]
  const void* conv_bias = nullptr;    ///< [channels of xbc] or null
  void* conv_state = nullptr;         ///< [batch, width-1, channels of xbc], oldest first
  const float* a = nullptr;           ///< [heads], negative
  const float* d = nullptr;           ///< [heads] or null
  const float* dt_bias = nullptr;     ///< [heads] or null
  bool dt_softplus = true;
  float dt_min = 0.0F, dt_max = std::numeric_limits<float>::infinity();
  void* ssm_state = nullptr;  ///< [batch, heads, head_dim, state]
  Rows out;                   ///< [batch, heads·head_dim]
  /// At least ssd_step_workspace() bytes on the same device (null when 0), 16-byte aligned, all
  /// zero before the first call. A call leaves it fit for the next one of the same shape on the
  /// same stream.
  void* workspace = nullptr;
};

/// The two kernels that a step is made of, with the convolved rows in `convolved`.
struct SsdStepParts {
  CausalConv1dArgs conv;
  SsdStateUpdateArgs update;
};
SsdStepParts ssd_step_parts(const SsdStepArgs& args, void* convolved);

std::int64_t ssd_step_channels(const SsdStepArgs& args);  ///< of xbc

std::size_t ssd_step_workspace(const SsdStepArgs& args, const Launch& launch);

/// Throws std::invalid_argument on a shape outside the documented range and
/// std::runtime_error when the device cannot run it.
void ssd_step(const SsdStepArgs& args, const Launch& launch);

/// The sum of its parts without the convolved rows, which need not reach memory.
Cost cost_of(const SsdStepArgs& args);

}  // namespace ssmprof::kernels
