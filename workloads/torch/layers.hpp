#pragma once

#include <ATen/ATen.h>
#include <cstdint>
#include <memory>
#include <vector>

#include "workloads/model_config.hpp"
#include "workloads/plan.hpp"
#include "workloads/torch/ops.hpp"

namespace ssmprof::workloads {

/// What one layer carries from token to token.
struct LayerState {
  at::Tensor conv;  ///< [B, K-1, C], activation dtype, oldest first
  at::Tensor ssm;   ///< Mamba-1 [B, Di, N], Mamba-2 [B, H, P, N], state dtype
};

/// One forward pass over [batch, length] tokens.
struct Pass {
  std::int64_t batch = 0, length = 0;
  bool from_state = false;              ///< continue from the layers' states; else from zero
  bool fused = false;                   ///< native backend with fusion
  bool norm_in_ssd = false;             ///< see prefill_norm_fused(); not in steps
  StepFusion steps = StepFusion::none;  ///< of decode steps
  Logits logits = Logits::last;
  RangeObserver* observer = nullptr;
  const RangeIndex* ranges = nullptr;             ///< needed with an observer
  std::vector<at::Tensor>* mean_delta = nullptr;  ///< filled per layer when given

  bool step() const { return from_state && length == 1; }
  ScopedRange leaf(std::int64_t layer, Component component) const {
    return {observer, observer != nullptr ? ranges->leaf(layer, component) : -1};
  }
};

/// What a layer adds to the residual stream: [T, D], times the scale where there is one.
struct Addition {
  at::Tensor rows;
  RowScale scale;
};

/// A layer's mixer between norm and residual: [T, D] in. Tensors are given up inside
/// the range that uses them last: returning large memory takes time, which is that range's.
class Block {
 public:
  virtual ~Block() = default;
  virtual Addition forward(at::Tensor x, LayerState& state, const Pass& pass) = 0;
  /// One token of a fused decode step; `stream` goes on to the norm of weight `next_norm`.
  virtual void step(StepStream& stream, const at::Tensor& next_norm, LayerState& state,
                    const Pass& pass) = 0;
  virtual LayerState new_state(std::int64_t batch, at::ScalarType state_type) const = 0;
};

/// Finds a layer's tensor by its name after "backbone.layers.N.", placed; undefined when absent.
class Placement;

std::unique_ptr<Block> make_mamba1_block(const ModelConfig& config, std::int64_t layer,
                                         const Placement& weights, Ops& ops);
std::unique_ptr<Block> make_mamba2_block(const ModelConfig& config, std::int64_t layer,
                                         const Placement& weights, Ops& ops);

}  // namespace ssmprof::workloads
