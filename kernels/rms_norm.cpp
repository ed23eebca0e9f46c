#include "kernels/rms_norm.hpp"

#include "kernels/cpu/rms_norm.hpp"
#include "kernels/cuda/rms_norm.hpp"
#include "kernels/dispatch.hpp"
#include "kernels/validate.hpp"

namespace ssmprof::kernels {
namespace {

std::uint64_t u64(std::int64_t v) {
  return static_cast<std::uint64_t>(v);
}

}  // namespace

void rms_norm(const RmsNormArgs& args, const Launch& launch) {
  const Validator check("rms_norm");
  check.positive(args.tokens, "tokens");
  check.positive(args.channels, "channels");
  check.rows(args.x, 1, args.tokens, args.channels, "x");
  if (args.residual) check.rows(args.residual, 1, args.tokens, args.channels, "residual");
  if (args.x_scale.squares != nullptr) {
    check.positive(args.x_scale.parts, "x_scale.parts");
    check.positive(args.x_scale.channels, "x_scale.channels");
    check.rows({args.x_scale.squares, 0, args.x_scale.row_stride}, 1, args.tokens,
               args.x_scale.parts, "x_scale.squares");
  }
  if (args.residual_out) {
    check.rows(args.residual_out, 1, args.tokens, args.channels, "residual_out");
  }
  check.given(args.weight, "weight");
  check.rows(args.out, 1, args.tokens, args.channels, "out");
  if (launch.device == Device::cpu) return cpu::rms_norm(args, launch.threads);
  SSMPROF_CUDA_CALL("rms_norm", cuda::rms_norm(args, launch));
}

Cost cost_of(const RmsNormArgs& a) {
  const std::uint64_t t = u64(a.tokens), d = u64(a.channels), elements = t * d;
  Cost cost;
  cost.flops = 4 * elements + (a.residual ? elements : 0);
  cost.transcendentals = t;
  cost.bytes_read = elements * size_of(a.x_dtype) + d * size_of(a.dtype) +
                    (a.residual ? elements * size_of(a.residual_dtype) : 0);
  cost.bytes_written =
      elements * size_of(a.dtype) + (a.residual_out ? elements * size_of(a.residual_dtype) : 0);
  if (a.x_scale.squares != nullptr) {
    cost.flops += elements;
    cost.transcendentals += t;
    cost.bytes_read += t * u64(a.x_scale.parts) * sizeof(float);
  }
  return cost;
}

void gated_rms_norm(const GatedRmsNormArgs& args, const Launch& launch) {
  const Validator check("gated_rms_norm");
  check.positive(args.tokens, "tokens");
  check.positive(args.channels, "channels");
  check.positive(args.group_size, "group_size");
  check.require(args.channels % args.group_size == 0, "group_size",
                "must divide the " + std::to_string(args.channels) + " channels, not be " +
                    std::to_string(args.group_size));
  check.rows(args.y, 1, args.tokens, args.channels, "y");
  check.rows(args.z, 1, args.tokens, args.channels, "z");
  check.given(args.weight, "weight");
  check.rows(args.out, 1, args.tokens, args.channels, "out");
  if (launch.device == Device::cpu) return cpu::gated_rms_norm(args, launch.threads);
  SSMPROF_CUDA_CALL("gated_rms_norm", cuda::gated_rms_norm(args, launch));
}

Cost cost_of(const GatedRmsNormArgs& a) {
  const std::uint64_t d = u64(a.channels), elements = u64(a.tokens) * d, s = size_of(a.dtype);
  return {6 * elements, 2 * elements + elements / u64(a.group_size), s * (2 * elements + d),
          s * elements};
}

}  // namespace ssmprof::kernels
