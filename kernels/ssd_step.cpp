#include "kernels/ssd_step.hpp"

#include "kernels/causal_conv1d.hpp"
#include "kernels/cpu/ssd_step.hpp"
#include "kernels/cuda/ssd_step.hpp"
#include "kernels/dispatch.hpp"
#include "kernels/ssd.hpp"
#include "kernels/validate.hpp"

namespace ssmprof::kernels {
namespace {

void validate(const SsdStepArgs& a, const Launch& launch) {
  const Validator check("ssd_step");
  check.positive(a.batch, "batch");
  check.positive(a.heads, "heads");
  check.positive(a.head_dim, "head_dim");
  check.positive(a.groups, "groups");
  check.require(
      a.heads % a.groups == 0, "groups",
      "must divide the " + std::to_string(a.heads) + " heads, not be " + std::to_string(a.groups));
  check.within(a.state, 1, 256, "state");
  check.within(a.width, 1, 16, "width");
  check.require(a.dt_min <= a.dt_max, "dt_min", "must not be above dt_max");
  check.rows(a.xbc, a.batch, 1, ssd_step_channels(a), "xbc");
  check.rows(a.dt, a.batch, 1, a.heads, "dt");
  if (a.z) check.rows(a.z, a.batch, 1, a.heads * a.head_dim, "z");
  check.rows(a.out, a.batch, 1, a.heads * a.head_dim, "out");
  check.given(a.conv_weight, "conv_weight");
  if (a.width > 1) check.given(a.conv_state, "conv_state");
  check.given(a.a, "a");
  check.given(a.ssm_state, "ssm_state");
  if (ssd_step_workspace(a, launch) > 0) check.given(a.workspace, "workspace");
}

}  // namespace

std::int64_t ssd_step_channels(const SsdStepArgs& a) {
  return a.heads * a.head_dim + 2 * a.groups * a.state;
}

SsdStepParts ssd_step_parts(const SsdStepArgs& a, void* convolved) {
  const std::int64_t channels = ssd_step_channels(a), inner = a.heads * a.head_dim;
  const auto at = [&](std::int64_t column) {
    return ConstRows{
        static_cast<const char*>(convolved) + column * static_cast<std::int64_t>(size_of(a.dtype)),
        channels, channels};
  };
  SsdStepParts parts;
  CausalConv1dArgs& conv = parts.conv;
  conv.dtype = a.dtype;
  conv.batch = a.batch, conv.length = 1, conv.channels = channels, conv.width = a.width;
  conv.x = a.xbc;
  conv.weight = a.conv_weight, conv.bias = a.conv_bias;
  conv.initial_state = conv.final_state = a.conv_state;
  conv.out = {convolved, channels, channels};
  SsdStateUpdateArgs& update = parts.update;
  update.dtype = a.dtype, update.state_dtype = a.state_dtype;
  update.batch = a.batch, update.heads = a.heads, update.head_dim = a.head_dim;
  update.groups = a.groups, update.state = a.state;
  update.x = at(0), update.b = at(inner), update.c = at(inner + a.groups * a.state);
  update.dt = a.dt, update.z = a.z;
  update.a = a.a, update.d = a.d, update.dt_bias = a.dt_bias;
  update.dt_softplus = a.dt_softplus, update.dt_min = a.dt_min, update.dt_max = a.dt_max;
  update.ssm_state = a.ssm_state;
  update.out = a.out;
  return parts;
}

std::size_t ssd_step_workspace(const SsdStepArgs& a, const Launch& launch) {
  const std::size_t convolved =
      static_cast<std::size_t>(a.batch * ssd_step_channels(a)) * size_of(a.dtype);
  if (launch.device == Device::cpu) return convolved;
  SSMPROF_CUDA_CALL("ssd_step", cuda::ssd_step_workspace(a, convolved));
}

void ssd_step(const SsdStepArgs& args, const Launch& launch) {
  validate(args, launch);
  if (launch.device == Device::cpu) return cpu::ssd_step(args, launch.threads);
  SSMPROF_CUDA_CALL("ssd_step", cuda::ssd_step(args, launch));
}

Cost cost_of(const SsdStepArgs& a) {
  const SsdStepParts parts = ssd_step_parts(a, nullptr);
  Cost cost = cost_of(parts.conv) + cost_of(parts.update);
  const std::uint64_t row =
      static_cast<std::uint64_t>(a.batch * ssd_step_channels(a)) * size_of(a.dtype);
  cost.bytes_written -= row;
  cost.bytes_read -= row;
  return cost;
}

}  // namespace ssmprof::kernels
