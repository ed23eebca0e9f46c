#include "workloads/plan.hpp"

namespace ssmprof::workloads {

StepFusion step_fusion(const ModelConfig& config, const ExecutionSpec& spec) {
  const bool mamba1 = config.family == Family::mamba1;
  if (spec.mode != Mode::decode || !spec.fusion || spec.backend != Backend::native ||
      spec.device != kernels::Device::cuda || spec.dtype != kernels::DType::bf16)
    return StepFusion::none;
  const auto each_layer = [&](auto&& holds) {
    for (std::int64_t layer = 0; layer < config.n_layer; ++layer)
      if (!holds(layer)) return false;
    return true;
  };
  const auto states = [&](std::int64_t layer) {
    return config.d_state[static_cast<std::size_t>(layer)];
  };
  const bool recurrence = mamba1 && config.d_inner % 16 == 0 && config.dt_rank % 8 == 0 &&
                          config.dt_rank <= 160 &&
                          each_layer([&](auto layer) { return states(layer) == 16; });
  const bool layer =
      spec.batch <= kFusedStepRows && config.d_model % 16 == 0 && config.d_inner % 16 == 0 &&
      config.d_conv == 4 &&
      (mamba1 ? recurrence : config.norm_group_size == config.d_inner && each_layer([&](auto i) {
                               return config.conv_channels(i) % 4 == 0 &&
                                      config.in_proj_rows(i) % 4 == 0;
                             }));
  return layer ? StepFusion::layer : recurrence ? StepFusion::recurrence : StepFusion::none;
}

bool prefill_norm_fused(const ModelConfig& config, const ExecutionSpec& spec) {
  return config.family == Family::mamba2 && spec.fusion && spec.backend == Backend::native &&
         config.norm_group_size == config.d_inner && !config.use_bias &&
         spec.dtype != kernels::DType::f16;
}

}  // namespace ssmprof::workloads
