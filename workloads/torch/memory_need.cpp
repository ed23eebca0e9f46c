#include "workloads/torch/memory_need.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdio>

#include "kernels/selective_scan.hpp"
#include "kernels/ssd.hpp"
#include "reports/error.hpp"
#include "workloads/plan.hpp"
#include "workloads/torch/common.hpp"
#include "workloads/torch/device.hpp"
#include "workloads/torch/torch_recurrence.hpp"

namespace ssmprof::workloads {
namespace {

using Bytes = std::uint64_t;

Bytes bytes(std::int64_t elements, Bytes each) {
  return static_cast<Bytes>(elements) * each;
}

bool kept_in_fp32(const std::string& name) {
  const auto ends = [&](const char* end) {
    const std::string text = end;
    return name.size() >= text.size() &&
           name.compare(name.size() - text.size(), text.size(), text) == 0;
  };
  return ends(".A_log") || ends(".D") || ends(".dt_bias") || ends(".dt_proj.bias");
}

/// Scratch of the native scan or SSD, and the sums that it leaves for a norm.
Bytes native_scratch(const ModelConfig& config, const ExecutionSpec& spec, std::int64_t layer,
                     std::int64_t batch, std::int64_t length) {
  const kernels::Launch launch{spec.device, nullptr, spec.threads};
  const std::int64_t n = config.d_state[static_cast<std::size_t>(layer)];
  if (config.family == Family::mamba1) {
    kernels::SelectiveScanArgs args;
    args.dtype = spec.dtype, args.batch = batch, args.length = length;
    args.channels = config.d_inner, args.state = n;
    return kernels::selective_scan_workspace(args, launch);
  }
  kernels::SsdArgs args;
  args.dtype = spec.dtype, args.batch = batch, args.length = length;
  args.heads = config.n_heads, args.head_dim = config.head_dim, args.groups = config.n_groups;
  args.state = n;
  const Bytes sums = prefill_norm_fused(config, spec)
                         ? bytes(batch * length * kernels::ssd_parts(args.heads, args.head_dim), 4)
                         : 0;
  return kernels::ssd_workspace(args, launch) + sums;
}

/// Scratch of the ATen scan or SSD: tensors of one block of time, in fp32.
Bytes torch_scratch(const ModelConfig& config, const ExecutionSpec& spec, std::int64_t layer,
                    std::int64_t batch, std::int64_t length) {
  const auto budget = static_cast<Bytes>(recurrence_budget(device_of(spec)));
  const std::int64_t n = config.d_state[static_cast<std::size_t>(layer)];
  if (config.family == Family::mamba1) {
    const Bytes token = bytes(batch * config.d_inner * n, 4);
    return 3 * std::min(std::max(budget, token), token * static_cast<Bytes>(length));
  }
  const std::int64_t q = torch_ssd_chunk(config, length);
  const Bytes chunk = bytes(batch * config.n_heads * q * q, 4);
  const Bytes rows = bytes(batch * q * config.d_inner, 4);
  const Bytes states = bytes(batch * config.d_inner * n, 4);
  const auto whole = static_cast<Bytes>((length + q - 1) / q);
  const Bytes at_once = std::min(whole, std::max<Bytes>(1, budget / chunk));
  return at_once * (2 * chunk + 5 * rows + 2 * states);
}

std::string gibibytes(Bytes n) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2f GiB", static_cast<double>(n) / (1U << 30U));
  return text;
}

}  // namespace

Bytes weights_need(const Checkpoint& checkpoint, const ExecutionSpec& spec) {
  Bytes sum = 0;
  for (const auto& [name, tensor] : checkpoint.tensors) {
    const auto want = kept_in_fp32(name) ? kernels::DType::f32 : spec.dtype;
    const bool in_place = spec.device == kernels::Device::cpu && tensor.dtype == want;
    if (!in_place) sum += bytes(tensor.elements(), kernels::size_of(want));
  }
  return sum;
}

Bytes state_need(const ModelConfig& config, const ExecutionSpec& spec, std::int64_t batch) {
  Bytes sum = 0;
  for (std::int64_t layer = 0; layer < config.n_layer; ++layer) {
    const std::int64_t n = config.d_state[static_cast<std::size_t>(layer)];
    sum += bytes(batch * (config.d_conv - 1) * config.conv_channels(layer),
                 kernels::size_of(spec.dtype)) +
           bytes(batch * config.d_inner * n, kernels::size_of(spec.state_dtype));
  }
  return sum;
}

Bytes activations_need(const ModelConfig& config, const ExecutionSpec& spec, std::int64_t batch,
                       std::int64_t length, Logits logits) {
  const Bytes s = kernels::size_of(spec.dtype);
  const Bytes r = config.residual_in_fp32 ? 4 : s;
  const std::int64_t tokens = batch * length, inner = config.d_inner;
  const bool native = spec.backend == Backend::native;
  Bytes most = 0;
  for (std::int64_t layer = 0; layer < config.n_layer; ++layer) {
    const std::int64_t n = config.d_state[static_cast<std::size_t>(layer)];
    const bool first = config.family == Family::mamba1;
    // In the recurrence: packed projections, conv's output, Mamba-1's Δ and its own output.
    const std::int64_t row = config.in_proj_rows(layer) + config.conv_channels(layer) + inner +
                             (first ? inner + config.dt_rank + 2 * n : 0);
    const Bytes scratch = native ? native_scratch(config, spec, layer, batch, length)
                                 : torch_scratch(config, spec, layer, batch, length);
    most = std::max(most, bytes(tokens * row, s) + scratch);
  }
  const Bytes stream = bytes(tokens * config.d_model, r + s);
  const std::int64_t positions = logits == Logits::last ? batch : tokens;
  const Bytes head = bytes(positions * (config.vocab_size + config.d_model), s);
  return stream + std::max(most, head);
}

void require_memory(const ExecutionSpec& spec, Bytes needed, const std::string& what) {
  const Bytes there = available_memory(spec.device, spec.device_index);
  if (needed <= there) return;
  throw reports::EnvironmentError(
      "not enough memory on the " +
      std::string(spec.device == kernels::Device::cpu ? "host" : "GPU") + ": " + what + " needs " +
      gibibytes(needed) + ", " + gibibytes(there) +
      " are available; use a smaller model, batch, length or dtype");
}

}  // namespace ssmprof::workloads
