#include "kernels/ssd.hpp"

#include <string>

#include "kernels/cpu/ssd.hpp"
#include "kernels/cuda/ssd.hpp"
#include "kernels/dispatch.hpp"
#include "kernels/validate.hpp"

namespace ssmprof::kernels {
namespace {

std::uint64_t u64(std::int64_t v) {
  return static_cast<std::uint64_t>(v);
}

template <typename Args>
void validate_heads(const Validator& check, const Args& a, std::int64_t length) {
  check.positive(a.batch, "batch");
  check.positive(length, "length");
  check.positive(a.heads, "heads");
  check.positive(a.head_dim, "head_dim");
  check.positive(a.groups, "groups");
  check.require(
      a.heads % a.groups == 0, "groups",
      "must divide the " + std::to_string(a.heads) + " heads, not be " + std::to_string(a.groups));
  check.within(a.state, 1, 256, "state");
  check.require(a.dt_min <= a.dt_max, "dt_min", "must not be above dt_max");
  const std::int64_t width = a.heads * a.head_dim;
  check.rows(a.x, a.batch, length, width, "x");
  check.rows(a.b, a.batch, length, a.groups * a.state, "b");
  check.rows(a.c, a.batch, length, a.groups * a.state, "c");
  check.rows(a.dt, a.batch, length, a.heads, "dt");
  if (a.z) check.rows(a.z, a.batch, length, width, "z");
  check.rows(a.out, a.batch, length, width, "out");
  check.given(a.a, "a");
}

void validate(const SsdArgs& a, Device device) {
  const Validator check("ssd");
  validate_heads(check, a, a.length);
  check.require(a.chunk >= 0, "chunk", "must be 0 (automatic) or positive");
  check.sequences(a.sequences, a.batch);
  if (device == Device::cpu) check.starts(a.sequences, a.length);
  if (a.norm_weight == nullptr && a.squares == nullptr) return;
  check.given(a.norm_weight, "norm_weight");
  check.given(a.squares, "squares");
  check.given(a.z.data, "z");
}

void validate(const SsdStateUpdateArgs& a) {
  const Validator check("ssd_state_update");
  validate_heads(check, a, 1);
  check.given(a.ssm_state, "ssm_state");
  if (a.norm_weight == nullptr) return;
  check.given(a.squares, "squares");
}

}  // namespace

std::size_t ssd_workspace([[maybe_unused]] const SsdArgs& args, const Launch& launch) {
  if (launch.device == Device::cpu) return 0;
  SSMPROF_CUDA_CALL("ssd", cuda::ssd_workspace(args));
}

std::int64_t ssd_chunk(const SsdArgs& args, const Launch& launch) {
  if (launch.device == Device::cpu) return cpu::ssd_chunk(args);
  SSMPROF_CUDA_CALL("ssd", cuda::ssd_chunk(args));
}

void ssd(const SsdArgs& args, const Launch& launch) {
  validate(args, launch.device);
  if (launch.device == Device::cpu) return cpu::ssd(args, launch.threads);
  SSMPROF_CUDA_CALL("ssd", cuda::ssd(args, launch));
}

std::int64_t ssd_step_rows(std::int64_t batch, std::int64_t heads, std::int64_t head_dim) {
  std::int64_t rows = head_dim;
  while (rows % 8 == 0 && rows > 16 && batch * heads * (head_dim / rows) < 132 * 4) rows /= 2;
  return rows;
}

void ssd_state_update(const SsdStateUpdateArgs& args, const Launch& launch) {
  validate(args);
  if (launch.device == Device::cpu) return cpu::ssd_state_update(args, launch.threads);
  SSMPROF_CUDA_CALL("ssd_state_update", cuda::ssd_state_update(args, launch));
}

Cost cost_of(const SsdArgs& a) {
  Validator("ssd").positive(a.chunk, "chunk");
  const std::uint64_t tokens = u64(a.batch) * u64(a.length), q = u64(a.chunk);
  const std::uint64_t inner = u64(a.heads) * u64(a.head_dim), n = u64(a.state);
  const std::uint64_t gn = u64(a.groups) * n, gate = a.z ? 1 : 0, s = size_of(a.dtype);
  const std::uint64_t states = u64(a.sequences ? a.sequences.count : a.batch) * inner * n * 4;
  // Chunks do not cross the borders of batch entries.
  const std::uint64_t chunks = u64(a.batch) * ((u64(a.length) + q - 1) / q);
  Cost cost;
  cost.flops = 2 * tokens * q * gn + 2 * tokens * q * inner + 4 * tokens * n * inner +
               2 * chunks * n * inner + (a.d != nullptr ? 2 * tokens * inner : 0) +
               2 * tokens * inner * gate;
  // Per head and token: softplus (2), and the decays of the pairs within a chunk, to the chunk's
  // end and from its start; SiLU (2) per element of the gate.
  cost.transcendentals = tokens * u64(a.heads) * (2 + q + 2) + 2 * tokens * inner * gate;
  cost.bytes_read = s * tokens * (inner + 2 * gn + u64(a.heads) + inner * gate) +
                    (a.initial_state != nullptr ? states : 0);
  cost.bytes_written = s * tokens * inner + (a.final_state != nullptr ? states : 0);
  if (a.norm_weight != nullptr) {
    cost.flops += 3 * tokens * inner;
    cost.bytes_read += s * inner;
    cost.bytes_written += tokens * u64(ssd_parts(a.heads, a.head_dim)) * sizeof(float);
  }
  return cost;
}

Cost recurrent_cost_of(const SsdArgs& a) {
  SsdArgs any = a;
  any.chunk = 1;
  Cost cost = cost_of(any);
  const std::uint64_t tokens = u64(a.batch) * u64(a.length);
  const std::uint64_t inner = u64(a.heads) * u64(a.head_dim);
  cost.flops =
      5 * tokens * inner * u64(a.state) + (a.norm_weight != nullptr ? 3 * tokens * inner : 0);
  cost.transcendentals = 3 * tokens * u64(a.heads) + (a.z ? 2 * tokens * inner : 0);
  return cost;
}

Cost cost_of(const SsdStateUpdateArgs& a) {
  const std::uint64_t batch = u64(a.batch), heads = u64(a.heads), n = u64(a.state);
  const std::uint64_t inner = heads * u64(a.head_dim), gate = a.z ? 1 : 0, s = size_of(a.dtype);
  const std::uint64_t states = batch * inner * n * size_of(a.state_dtype);
  Cost cost;
  cost.flops =
      5 * batch * inner * n + (a.d != nullptr ? 2 * batch * inner : 0) + 2 * batch * inner * gate;
  cost.transcendentals = 3 * batch * heads + 2 * batch * inner * gate;
  cost.bytes_read = s * batch * (inner + 2 * u64(a.groups) * n + heads + inner * gate) + states;
  cost.bytes_written = s * batch * inner + states;
  if (a.norm_weight != nullptr) {
    cost.flops += 3 * batch * inner;
    cost.bytes_read += s * inner;
    const std::uint64_t rows = u64(ssd_step_rows(a.batch, a.heads, a.head_dim));
    cost.bytes_written += batch * (inner / rows) * sizeof(float);
  }
  return cost;
}

}  // namespace ssmprof::kernels
