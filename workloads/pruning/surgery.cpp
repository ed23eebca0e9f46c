#include <algorithm>
#include <cstring>
#include <functional>
#include <numeric>
#include <string>

#include "reports/error.hpp"
#include "workloads/pruning/prune.hpp"

namespace ssmprof::workloads {

using reports::InputError;
using Indices = std::vector<std::int64_t>;

namespace {

void check_plan(const ModelConfig& config, const PrunePlan& plan) {
  const auto groups =
      static_cast<std::size_t>(config.family == Family::mamba2 ? config.n_groups : 1);
  if (plan.layers.size() != config.d_state.size()) {
    throw InputError("the pruning plan has " + std::to_string(plan.layers.size()) +
                     " layers, the model " + std::to_string(config.d_state.size()));
  }
  for (std::size_t i = 0; i < plan.layers.size(); ++i) {
    const LayerPrunePlan& layer = plan.layers[i];
    bool fits = layer.dense == config.d_state[i] && layer.keep.size() == groups;
    for (const Indices& keep : layer.keep) {
      fits = fits && !keep.empty() && keep.size() == layer.keep[0].size() && keep.front() >= 0 &&
             keep.back() < layer.dense &&
             std::adjacent_find(keep.begin(), keep.end(), std::greater_equal<>()) == keep.end();
    }
    if (!fits) {
      throw InputError("the pruning plan of layer " + std::to_string(i) +
                       " does not fit the model: make it from this model's scores");
    }
  }
}

/// Row indices [begin, begin + count).
void append_range(Indices& rows, std::int64_t begin, std::int64_t count) {
  const std::size_t old = rows.size();
  rows.resize(old + static_cast<std::size_t>(count));
  std::iota(rows.begin() + static_cast<std::ptrdiff_t>(old), rows.end(), begin);
}

/// begin + group·N + each kept state, group after group.
void append_states(Indices& rows, std::int64_t begin, const LayerPrunePlan& layer) {
  for (std::size_t group = 0; group < layer.keep.size(); ++group) {
    for (const std::int64_t state : layer.keep[group]) {
      rows.push_back(begin + static_cast<std::int64_t>(group) * layer.dense + state);
    }
  }
}

/// The tensor made of these entries of its first dimension.
HostTensor take_rows(const HostTensor& source, const Indices& rows) {
  std::vector<std::int64_t> shape = source.shape;
  const std::size_t row_bytes = source.bytes() / static_cast<std::size_t>(shape[0]);
  shape[0] = static_cast<std::int64_t>(rows.size());
  NewTensor taken = allocate_tensor(source.dtype, shape);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    std::memcpy(taken.data + i * row_bytes,
                source.data + static_cast<std::size_t>(rows[i]) * row_bytes, row_bytes);
  }
  return taken.tensor;
}

/// The matrix made of these columns.
HostTensor take_columns(const HostTensor& source, const Indices& columns) {
  const std::int64_t rows = source.shape[0];
  const auto width = static_cast<std::size_t>(source.shape[1]);
  const std::size_t size = kernels::size_of(source.dtype);
  NewTensor taken =
      allocate_tensor(source.dtype, {rows, static_cast<std::int64_t>(columns.size())});
  std::byte* out = taken.data;
  for (std::int64_t row = 0; row < rows; ++row) {
    const std::byte* in = source.data + static_cast<std::size_t>(row) * width * size;
    for (const std::int64_t column : columns) {
      std::memcpy(out, in + static_cast<std::size_t>(column) * size, size);
      out += size;
    }
  }
  return taken.tensor;
}

void prune_mamba1(const ModelConfig& config, const LayerPrunePlan& layer, const std::string& mixer,
                  std::map<std::string, HostTensor>& tensors) {
  HostTensor& a_log = tensors.at(mixer + "A_log");
  a_log = take_columns(a_log, layer.keep[0]);
  Indices rows;  // x_proj: dt (R), B (N), C (N)
  append_range(rows, 0, config.dt_rank);
  append_states(rows, config.dt_rank, layer);
  append_states(rows, config.dt_rank + layer.dense, layer);
  HostTensor& x_proj = tensors.at(mixer + "x_proj.weight");
  x_proj = take_rows(x_proj, rows);
}

void prune_mamba2(const ModelConfig& config, const LayerPrunePlan& layer, const std::string& mixer,
                  std::map<std::string, HostTensor>& tensors) {
  const std::int64_t inner = config.d_inner;
  const std::int64_t states = config.n_groups * layer.dense;
  Indices rows;  // in_proj: z, x, B, C, dt
  append_range(rows, 0, 2 * inner);
  append_states(rows, 2 * inner, layer);
  append_states(rows, 2 * inner + states, layer);
  append_range(rows, 2 * inner + 2 * states, config.n_heads);
  Indices channels;  // conv1d: x, B, C
  append_range(channels, 0, inner);
  append_states(channels, inner, layer);
  append_states(channels, inner + states, layer);
  const auto shrink = [&](const std::string& name, const Indices& kept) {
    const auto found = tensors.find(mixer + name);
    if (found != tensors.end()) found->second = take_rows(found->second, kept);
  };
  shrink("in_proj.weight", rows);
  shrink("in_proj.bias", rows);
  shrink("conv1d.weight", channels);
  shrink("conv1d.bias", channels);
}

/// The mask's entries of the states that stay.
std::vector<std::uint8_t> kept_mask(const std::vector<std::uint8_t>& mask,
                                    const LayerPrunePlan& layer) {
  Indices states;
  append_states(states, 0, layer);
  std::vector<std::uint8_t> kept;
  for (const std::int64_t state : states) kept.push_back(mask[static_cast<std::size_t>(state)]);
  return kept;
}

}  // namespace

Checkpoint mask_states(const Checkpoint& checkpoint, const PrunePlan& plan) {
  check_plan(checkpoint.config, plan);
  Checkpoint masked = checkpoint;
  masked.state_mask.clear();
  for (std::size_t i = 0; i < plan.layers.size(); ++i) {
    const LayerPrunePlan& layer = plan.layers[i];
    std::vector<std::uint8_t> mask(layer.keep.size() * static_cast<std::size_t>(layer.dense), 0);
    Indices states;
    append_states(states, 0, layer);
    for (const std::int64_t state : states) {
      const auto at = static_cast<std::size_t>(state);
      mask[at] = checkpoint.state_mask.empty() ? 1 : checkpoint.state_mask[i][at];
    }
    masked.state_mask.push_back(std::move(mask));
  }
  hash_mask(masked);
  return masked;
}

Checkpoint remove_states(const Checkpoint& checkpoint, const PrunePlan& plan) {
  const ModelConfig& dense = checkpoint.config;
  check_plan(dense, plan);
  Checkpoint pruned = checkpoint;
  pruned.state_mask.clear();
  for (std::size_t i = 0; i < plan.layers.size(); ++i) {
    const LayerPrunePlan& layer = plan.layers[i];
    const std::string mixer = "backbone.layers." + std::to_string(i) + ".mixer.";
    if (dense.family == Family::mamba1) {
      prune_mamba1(dense, layer, mixer, pruned.tensors);
    } else {
      prune_mamba2(dense, layer, mixer, pruned.tensors);
    }
    pruned.config.d_state[i] = static_cast<std::int64_t>(layer.keep[0].size());
    if (!checkpoint.state_mask.empty()) {
      pruned.state_mask.push_back(kept_mask(checkpoint.state_mask[i], layer));
    }
  }
  rehash(pruned);
  return pruned;
}

}  // namespace ssmprof::workloads
