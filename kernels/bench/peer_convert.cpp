#include "kernels/bench/peer_convert.hpp"

namespace ssmprof::kernels::bench {

std::int32_t peer_dtype(DType t) {
  switch (t) {
    case DType::f16:
      return SSMPROF_PEER_F16;
    case DType::bf16:
      return SSMPROF_PEER_BF16;
    case DType::f32:
      break;
  }
  return SSMPROF_PEER_F32;
}

std::int32_t peer_device(Device device) {
  return device == Device::cuda ? SSMPROF_PEER_CUDA : SSMPROF_PEER_CPU;
}

ssmprof_peer_rows peer_rows(const ConstRows& r) {
  return {const_cast<void*>(r.data), r.batch_stride, r.row_stride};
}

ssmprof_peer_causal_conv1d_args peer_args(const CausalConv1dArgs& a, Device device) {
  return {.dtype = peer_dtype(a.dtype),
          .device = peer_device(device),
          .silu = a.silu ? 1 : 0,
          .batch = a.batch,
          .length = a.length,
          .channels = a.channels,
          .width = a.width,
          .x = peer_rows(a.x),
          .out = peer_rows(a.out),
          .weight = a.weight,
          .bias = a.bias,
          .initial_state = a.initial_state,
          .final_state = a.final_state};
}

ssmprof_peer_causal_conv1d_update_args peer_update_args(const CausalConv1dArgs& a, Device device) {
  return {.dtype = peer_dtype(a.dtype),
          .device = peer_device(device),
          .silu = a.silu ? 1 : 0,
          .batch = a.batch,
          .channels = a.channels,
          .width = a.width,
          .x = peer_rows(a.x),
          .out = peer_rows(a.out),
          .weight = a.weight,
          .bias = a.bias,
          .state = a.final_state};
}

ssmprof_peer_selective_scan_args peer_args(const SelectiveScanArgs& a, Device device) {
  return {.dtype = peer_dtype(a.dtype),
          .device = peer_device(device),
          .delta_softplus = a.delta_softplus ? 1 : 0,
          .batch = a.batch,
          .length = a.length,
          .channels = a.channels,
          .state = a.state,
          .u = peer_rows(a.u),
          .delta = peer_rows(a.delta),
          .b = peer_rows(a.b),
          .c = peer_rows(a.c),
          .z = peer_rows(a.z),
          .out = peer_rows(a.out),
          .a = a.a,
          .d = a.d,
          .delta_bias = a.delta_bias,
          .initial_state = a.initial_state,
          .final_state = a.final_state};
}

ssmprof_peer_selective_state_update_args peer_args(const SelectiveStateUpdateArgs& a,
                                                   Device device) {
  return {.dtype = peer_dtype(a.dtype),
          .device = peer_device(device),
          .state_dtype = peer_dtype(a.state_dtype),
          .delta_softplus = a.delta_softplus ? 1 : 0,
          .batch = a.batch,
          .channels = a.channels,
          .state = a.state,
          .u = peer_rows(a.u),
          .delta = peer_rows(a.delta),
          .b = peer_rows(a.b),
          .c = peer_rows(a.c),
          .z = peer_rows(a.z),
          .out = peer_rows(a.out),
          .a = a.a,
          .d = a.d,
          .delta_bias = a.delta_bias,
          .ssm_state = a.ssm_state};
}

ssmprof_peer_ssd_args peer_args(const SsdArgs& a, Device device) {
  return {.dtype = peer_dtype(a.dtype),
          .device = peer_device(device),
          .dt_softplus = a.dt_softplus ? 1 : 0,
          .batch = a.batch,
          .length = a.length,
          .heads = a.heads,
          .head_dim = a.head_dim,
          .groups = a.groups,
          .state = a.state,
          .x = peer_rows(a.x),
          .b = peer_rows(a.b),
          .c = peer_rows(a.c),
          .dt = peer_rows(a.dt),
          .z = peer_rows(a.z),
          .out = peer_rows(a.out),
          .a = a.a,
          .d = a.d,
          .dt_bias = a.dt_bias,
          .dt_min = a.dt_min,
          .dt_max = a.dt_max,
          .initial_state = a.initial_state,
          .final_state = a.final_state};
}

ssmprof_peer_ssd_state_update_args peer_args(const SsdStateUpdateArgs& a, Device device) {
  return {.dtype = peer_dtype(a.dtype),
          .device = peer_device(device),
          .state_dtype = peer_dtype(a.state_dtype),
          .dt_softplus = a.dt_softplus ? 1 : 0,
          .batch = a.batch,
          .heads = a.heads,
          .head_dim = a.head_dim,
          .groups = a.groups,
          .state = a.state,
          .x = peer_rows(a.x),
          .b = peer_rows(a.b),
          .c = peer_rows(a.c),
          .dt = peer_rows(a.dt),
          .z = peer_rows(a.z),
          .out = peer_rows(a.out),
          .a = a.a,
          .d = a.d,
          .dt_bias = a.dt_bias,
          .dt_min = a.dt_min,
          .dt_max = a.dt_max,
          .ssm_state = a.ssm_state};
}

ssmprof_peer_ssd_step_args peer_args(const SsdStepArgs& a, Device device) {
  return {.dtype = peer_dtype(a.dtype),
          .device = peer_device(device),
          .state_dtype = peer_dtype(a.state_dtype),
          .dt_softplus = a.dt_softplus ? 1 : 0,
          .batch = a.batch,
          .heads = a.heads,
          .head_dim = a.head_dim,
          .groups = a.groups,
          .state = a.state,
          .width = a.width,
          .xbc = peer_rows(a.xbc),
          .dt = peer_rows(a.dt),
          .z = peer_rows(a.z),
          .out = peer_rows(a.out),
          .conv_weight = a.conv_weight,
          .conv_bias = a.conv_bias,
          .conv_state = a.conv_state,
          .a = a.a,
          .d = a.d,
          .dt_bias = a.dt_bias,
          .dt_min = a.dt_min,
          .dt_max = a.dt_max,
          .ssm_state = a.ssm_state};
}

ssmprof_peer_gate_args peer_args(const GateArgs& a, Device device) {
  return {.dtype = peer_dtype(a.dtype),
          .device = peer_device(device),
          .batch = a.batch,
          .length = a.length,
          .channels = a.channels,
          .y = peer_rows(a.y),
          .z = peer_rows(a.z),
          .out = peer_rows(a.out)};
}

ssmprof_peer_rms_norm_args peer_args(const RmsNormArgs& a, Device device) {
  return {.dtype = peer_dtype(a.dtype),
          .device = peer_device(device),
          .x_dtype = peer_dtype(a.x_dtype),
          .residual_dtype = peer_dtype(a.residual_dtype),
          .tokens = a.tokens,
          .channels = a.channels,
          .x = peer_rows(a.x),
          .residual = peer_rows(a.residual),
          .residual_out = peer_rows(a.residual_out),
          .out = peer_rows(a.out),
          .weight = a.weight,
          .eps = a.eps};
}

ssmprof_peer_gated_rms_norm_args peer_args(const GatedRmsNormArgs& a, Device device) {
  return {.dtype = peer_dtype(a.dtype),
          .device = peer_device(device),
          .tokens = a.tokens,
          .channels = a.channels,
          .group_size = a.group_size,
          .y = peer_rows(a.y),
          .z = peer_rows(a.z),
          .out = peer_rows(a.out),
          .weight = a.weight,
          .eps = a.eps};
}

ssmprof_peer_linear_args peer_args(const LinearArgs& a, Device device) {
  return {.dtype = peer_dtype(a.dtype),
          .device = peer_device(device),
          .rows = a.rows,
          .inputs = a.inputs,
          .outputs = a.outputs,
          .x = peer_rows(a.x),
          .y = peer_rows(a.y),
          .weight = a.weight,
          .bias = a.bias};
}

}  // namespace ssmprof::kernels::bench
