#include "kernels/selective_scan.hpp"

#include "kernels/cpu/selective_scan.hpp"
#include "kernels/cuda/selective_scan.hpp"
#include "kernels/dispatch.hpp"
#include "kernels/validate.hpp"

namespace ssmprof::kernels {
namespace {

std::uint64_t u64(std::int64_t v) {
  return static_cast<std::uint64_t>(v);
}

void validate(const SelectiveScanArgs& a, Device device) {
  const Validator check("selective_scan");
  check.positive(a.batch, "batch");
  check.positive(a.length, "length");
  check.positive(a.channels, "channels");
  check.within(a.state, 1, 256, "state");
  check.rows(a.u, a.batch, a.length, a.channels, "u");
  check.rows(a.delta, a.batch, a.length, a.channels, "delta");
  check.rows(a.b, a.batch, a.length, a.state, "b");
  check.rows(a.c, a.batch, a.length, a.state, "c");
  if (a.z) check.rows(a.z, a.batch, a.length, a.channels, "z");
  check.rows(a.out, a.batch, a.length, a.channels, "out");
  check.given(a.a, "a");
  check.sequences(a.sequences, a.batch);
  if (device == Device::cpu) check.starts(a.sequences, a.length);
}

void validate(const SelectiveStateUpdateArgs& a) {
  const Validator check("selective_state_update");
  check.positive(a.batch, "batch");
  check.positive(a.channels, "channels");
  check.within(a.state, 1, 256, "state");
  check.rows(a.u, a.batch, 1, a.channels, "u");
  check.within(a.rank, 0, 1 << 20, "rank");
  check.rows(a.delta, a.batch, 1, a.rank > 0 ? a.rank : a.channels, "delta");
  if (a.rank > 0) check.given(a.dt_weight, "dt_weight");
  check.rows(a.b, a.batch, 1, a.state, "b");
  check.rows(a.c, a.batch, 1, a.state, "c");
  if (a.z) check.rows(a.z, a.batch, 1, a.channels, "z");
  check.rows(a.out, a.batch, 1, a.channels, "out");
  check.given(a.a, "a");
  check.given(a.ssm_state, "ssm_state");
}

}  // namespace

std::size_t selective_scan_workspace([[maybe_unused]] const SelectiveScanArgs& args,
                                     const Launch& launch) {
  if (launch.device == Device::cpu) return 0;
  SSMPROF_CUDA_CALL("selective_scan", cuda::selective_scan_workspace(args));
}

void selective_scan(const SelectiveScanArgs& args, const Launch& launch) {
  validate(args, launch.device);
  if (launch.device == Device::cpu) return cpu::selective_scan(args, launch.threads);
  SSMPROF_CUDA_CALL("selective_scan", cuda::selective_scan(args, launch));
}

void selective_state_update(const SelectiveStateUpdateArgs& args, const Launch& launch) {
  validate(args);
  if (launch.device == Device::cpu) return cpu::selective_state_update(args, launch.threads);
  SSMPROF_CUDA_CALL("selective_state_update", args.rank > 0
                                                  ? cuda::selective_step(args, launch)
                                                  : cuda::selective_state_update(args, launch));
}

Cost cost_of(const SelectiveScanArgs& a) {
  const std::uint64_t tokens = u64(a.batch) * u64(a.length), c = u64(a.channels), n = u64(a.state);
  const std::uint64_t s = size_of(a.dtype), gate = a.z ? 1 : 0;
  const std::uint64_t states = u64(a.sequences ? a.sequences.count : a.batch) * c * n * 4;
  Cost cost;
  cost.flops = 6 * tokens * c * n + 4 * tokens * c + 2 * tokens * c * gate;
  cost.transcendentals = tokens * c * (n + 2 + 2 * gate);
  // u, delta, (z), B, C and A in; out is the third of the 3·C.
  cost.bytes_read = s * tokens * (2 * c + 2 * n + c * gate) + 4 * c * n +
                    (a.initial_state != nullptr ? states : 0);
  cost.bytes_written = s * tokens * c + (a.final_state != nullptr ? states : 0);
  return cost;
}

Cost cost_of(const SelectiveStateUpdateArgs& a) {
  const std::uint64_t c = u64(a.channels), n = u64(a.state), batch = u64(a.batch);
  const std::uint64_t s = size_of(a.dtype), gate = a.z ? 1 : 0;
  const std::uint64_t states = batch * c * n * size_of(a.state_dtype);
  Cost cost;
  cost.flops = 6 * batch * c * n + 4 * batch * c + 2 * batch * c * gate;
  cost.transcendentals = batch * c * (n + 2 + 2 * gate);
  cost.bytes_read = s * batch * (2 * c + 2 * n + c * gate) + 4 * c * n + states;
  cost.bytes_written = s * batch * c + states;
  if (a.rank > 0) {
    const std::uint64_t rank = u64(a.rank);
    cost.flops += 2 * batch * c * rank;
    cost.bytes_read += s * (batch * rank + c * rank) - s * batch * c;
  }
  return cost;
}

}  // namespace ssmprof::kernels
