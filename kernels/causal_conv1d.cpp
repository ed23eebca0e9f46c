#include "kernels/causal_conv1d.hpp"

#include "kernels/cpu/causal_conv1d.hpp"
#include "kernels/cuda/causal_conv1d.hpp"
#include "kernels/dispatch.hpp"
#include "kernels/validate.hpp"

namespace ssmprof::kernels {
namespace {

std::uint64_t u64(std::int64_t v) {
  return static_cast<std::uint64_t>(v);
}

void validate(const char* name, const CausalConv1dArgs& a, Device device) {
  const Validator check(name);
  check.positive(a.batch, "batch");
  check.positive(a.length, "length");
  check.positive(a.channels, "channels");
  check.within(a.width, 1, 16, "width");
  check.rows(a.x, a.batch, a.length, a.channels, "x");
  check.given(a.weight, "weight");
  check.rows(a.out, a.batch, a.length, a.channels, "out");
  check.sequences(a.sequences, a.batch);
  if (device == Device::cpu) check.starts(a.sequences, a.length);
}

}  // namespace

void causal_conv1d(const CausalConv1dArgs& args, const Launch& launch) {
  validate("causal_conv1d", args, launch.device);
  if (launch.device == Device::cpu) return cpu::causal_conv1d(args, launch.threads);
  SSMPROF_CUDA_CALL("causal_conv1d", cuda::causal_conv1d(args, launch));
}

void causal_conv1d_update(const CausalConv1dArgs& args, const Launch& launch) {
  const Validator check("causal_conv1d_update");
  validate("causal_conv1d_update", args, launch.device);
  check.require(args.length == 1, "length", "must be 1, not " + std::to_string(args.length));
  check.require(!args.sequences, "sequences", "must not be given");
  check.require(args.width == 1 || args.final_state != nullptr, "final_state", "must be given");
  check.require(args.initial_state == args.final_state, "initial_state",
                "must be the same memory as final_state");
  if (launch.device == Device::cpu) return cpu::causal_conv1d(args, launch.threads);
  SSMPROF_CUDA_CALL("causal_conv1d_update", cuda::causal_conv1d_update(args, launch));
}

Cost cost_of(const CausalConv1dArgs& a) {
  const std::uint64_t tokens = u64(a.batch) * u64(a.length), c = u64(a.channels);
  const std::uint64_t k = u64(a.width), s = size_of(a.dtype);
  const std::uint64_t states = u64(a.sequences ? a.sequences.count : a.batch) * (k - 1) * c * s;
  Cost cost;
  cost.flops = 2 * tokens * k * c;
  cost.transcendentals = a.silu ? 2 * tokens * c : 0;
  cost.bytes_read = s * tokens * c + s * c * (a.bias != nullptr ? k + 1 : k) +
                    (a.initial_state != nullptr ? states : 0);
  cost.bytes_written = s * tokens * c + (a.final_state != nullptr ? states : 0);
  return cost;
}

}  // namespace ssmprof::kernels
