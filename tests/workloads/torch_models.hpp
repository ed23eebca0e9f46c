#pragma once

#include <cmath>
#include <cstdint>
#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "kernels/cuda_device.hpp"
#include "workloads/checkpoint.hpp"
#include "workloads/execution.hpp"
#include "workloads/tokens.hpp"

namespace ssmprof::workloads::testing {

/// True, with the line ctest looks for, where models cannot run.
inline bool models_cannot_run() {
  if (!host_library_versions().empty()) return false;
  std::cout << "SKIPPED: it runs models, and this build has no LibTorch\n";
  return true;
}

/// The same where there is no GPU to run them on.
inline bool no_gpu() {
  if (models_cannot_run()) return true;
  if (kernels::cuda_device_count() > 0) return false;
  std::cout << "SKIPPED: no CUDA device\n";
  return true;
}

/// The ranges that a run enters, in its order.
struct EnteredRanges : RangeObserver {
  void enter(int range) override { order.push_back(range); }
  void leave(int) override {}
  /// Each of the execution's once, as they are laid out.
  bool all_in_order(const Execution& execution) const {
    for (std::size_t i = 0; i < order.size(); ++i) {
      if (order[i] != static_cast<int>(i)) return false;
    }
    return order.size() == execution.ranges().size();
  }
  std::vector<int> order;
};

/// Small but awkward: odd state sizes that differ between layers, biases, groups, a ragged chunk.
inline ModelConfig hosted_config(Family family) {
  ModelConfig config;
  config.name = family == Family::mamba1 ? "small-mamba" : "small-mamba2";
  config.origin = "preset";
  config.family = family;
  config.d_model = 48, config.n_layer = 3, config.vocab_size = 101;
  config.d_inner = 96;
  config.use_bias = true;
  config.tie_embeddings = false;
  if (family == Family::mamba1) {
    config.d_state = {16, 7, 5};
    config.dt_rank = 3;
  } else {
    config.d_state = {16, 12, 5};
    config.head_dim = 16, config.n_heads = 6, config.n_groups = 2, config.chunk_size = 16;
    config.norm_group_size = 48;
    config.dt_min = 0.001F, config.dt_max = 0.3F;
  }
  return config;
}

/// Seeded weights with the projections and convolutions made ten times larger, so that the blocks
/// weigh as much in the logits as the embedding does.
inline std::shared_ptr<Checkpoint> loud_checkpoint(const ModelConfig& config,
                                                   std::uint64_t seed = 7) {
  auto checkpoint =
      std::make_shared<Checkpoint>(seeded_checkpoint(config, seed, kernels::DType::f32));
  for (auto& [name, tensor] : checkpoint->tensors) {
    if (name.find("proj.weight") == std::string::npos) continue;
    std::vector<float> values = to_floats(tensor);
    for (float& value : values) value *= 10;
    tensor = from_floats(values, tensor.shape, tensor.dtype);
  }
  return checkpoint;
}

inline ExecutionSpec spec_of(Backend backend, kernels::DType dtype = kernels::DType::f32) {
  ExecutionSpec spec;
  spec.backend = backend;
  spec.dtype = dtype;
  return spec;
}

/// |a − b| / |b| over all logits.
inline double relative_error(const LogitsTable& a, const LogitsTable& b) {
  if (a.values.size() != b.values.size() || b.values.empty()) return INFINITY;
  double difference = 0, norm = 0;
  for (std::size_t i = 0; i < a.values.size(); ++i) {
    const double d = static_cast<double>(a.values[i]) - b.values[i];
    difference += d * d;
    norm += static_cast<double>(b.values[i]) * b.values[i];
  }
  return std::sqrt(difference / norm);
}

}  // namespace ssmprof::workloads::testing
