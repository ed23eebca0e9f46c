#include "kernels/linear.hpp"

#include <string>

#include "kernels/causal_conv1d.hpp"
#include "kernels/cpu/linear.hpp"
#include "kernels/cuda/linear.hpp"
#include "kernels/dispatch.hpp"
#include "kernels/validate.hpp"

namespace ssmprof::kernels {

void linear(const LinearArgs& args, const Launch& launch) {
  const Validator check("linear");
  check.within(args.rows, 1, kLinearRows, "rows");
  check.within(args.inputs, 1, 1 << 24, "inputs");
  check.within(args.outputs, 1, 1 << 24, "outputs");
  check.rows(args.x, 1, args.rows, args.inputs, "x");
  check.given(args.weight, "weight");
  if (args.residual.data == nullptr) check.rows(args.y, 1, args.rows, args.outputs, "y");
  if (args.scale.squares != nullptr) {
    check.within(args.scale.parts, 1, 1 << 20, "scale.parts");
    check.positive(args.scale.channels, "scale.channels");
  }
  const LinearConv& conv = args.conv;
  if (conv.channels != 0) {
    check.require(args.residual.data == nullptr, "residual", "must not be given with conv");
    check.within(conv.first, 0, args.outputs - 1, "conv.first");
    check.within(conv.channels, 1, args.outputs - conv.first, "conv.channels");
    check.require(conv.first % 4 == 0 && conv.channels % 4 == 0, "conv", "must come in fours");
    check.given(conv.weight, "conv.weight");
    check.given(conv.state, "conv.state");
    check.rows(conv.out, 1, args.rows, conv.channels, "conv.out");
  }
  if (args.residual.data != nullptr) {
    check.require(args.outputs % kLinearPart == 0, "outputs",
                  "must be a multiple of " + std::to_string(kLinearPart) + " with a residual");
    check.require(args.residual.dtype == DType::f32 || args.residual.dtype == args.dtype,
                  "residual.dtype", "must be fp32 or the layer's own");
    check.given(args.residual.weight, "residual.weight");
    check.given(args.residual.next, "residual.next");
    check.given(args.residual.squares, "residual.squares");
  }
  if (launch.device == Device::cpu) return cpu::linear(args, launch.threads);
  SSMPROF_CUDA_CALL("linear", cuda::linear(args, launch));
}

bool linear_pays(const LinearArgs& a, const Launch& launch) {
  if (a.rows > kLinearRows || a.dtype == DType::f32) return false;
  const std::int64_t weights = a.outputs * a.inputs, some = std::int64_t{20} << 20;
  if (a.rows > 8) return launch.overlap && weights < some;
  return launch.overlap || weights < some || a.outputs > 32768;
}

Cost cost_of(const LinearArgs& a) {
  const auto m = static_cast<std::uint64_t>(a.rows), n = static_cast<std::uint64_t>(a.outputs);
  const std::uint64_t s = size_of(a.dtype);
  Cost cost = gemm_cost(m, n, static_cast<std::uint64_t>(a.inputs), a.dtype, a.dtype);
  if (a.bias != nullptr) {
    cost.flops += m * n;
    cost.bytes_read += n * s;
  }
  if (a.scale.squares != nullptr) {
    cost.flops += m * n;
    cost.transcendentals += m;
    cost.bytes_read += m * static_cast<std::uint64_t>(a.scale.parts) * sizeof(float);
  }
  if (a.conv.channels > 0) {
    CausalConv1dArgs step;
    step.dtype = a.dtype;
    step.batch = a.rows, step.length = 1, step.channels = a.conv.channels, step.width = 4;
    step.bias = a.conv.bias;
    step.initial_state = step.final_state = a.conv.state;
    const std::uint64_t row = m * static_cast<std::uint64_t>(a.conv.channels) * s;
    cost += cost_of(step);
    cost.bytes_written -= row, cost.bytes_read -= row;
  }
  if (a.residual.data != nullptr) {
    const std::uint64_t width = size_of(a.residual.dtype);
    cost.flops += 4 * m * n;
    cost.bytes_read += m * n * width + n * s;
    cost.bytes_written += m * n * width + m * n / kLinearPart * sizeof(float);
  }
  return cost;
}

}  // namespace ssmprof::kernels
