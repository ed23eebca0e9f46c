#include "workloads/torch/language_model.hpp"

#include <string>
#include <utility>

#include "workloads/torch/common.hpp"
#include "workloads/torch/placement.hpp"

namespace ssmprof::workloads {

LanguageModel::LanguageModel(std::shared_ptr<const Checkpoint> checkpoint,
                             const ExecutionSpec& spec, std::unique_ptr<Ops> ops)
    : checkpoint_(std::move(checkpoint)), spec_(spec), ops_(ops ? std::move(ops) : make_ops(spec)) {
  const Placement weights(checkpoint_, spec);
  const ModelConfig& config = checkpoint_->config;
  embedding_ = weights.get("backbone.embeddings.weight");
  for (std::int64_t layer = 0; layer < config.n_layer; ++layer) {
    norms_.push_back(weights.get("backbone.layers." + std::to_string(layer) + ".norm.weight"));
    blocks_.push_back(config.family == Family::mamba1
                          ? make_mamba1_block(config, layer, weights, *ops_)
                          : make_mamba2_block(config, layer, weights, *ops_));
  }
  final_norm_ = weights.get("backbone.norm_f.weight");
  head_ = config.tie_embeddings ? embedding_ : weights.get("lm_head.weight");
  weight_bytes_ = weights.bytes();
}

std::vector<LayerState> LanguageModel::new_states(std::int64_t batch) const {
  std::vector<LayerState> states;
  for (const auto& block : blocks_) {
    states.push_back(block->new_state(batch, scalar_type(spec_.state_dtype)));
  }
  return states;
}

at::Tensor LanguageModel::embed(const at::Tensor& ids) const {
  const at::Tensor rows = at::embedding(embedding_, ids);
  return config().residual_in_fp32 ? rows.to(at::kFloat) : rows;
}

/// The final norm over the positions that the head needs; `added` is what the residual stream
/// still lacks (no rows: nothing).
at::Tensor LanguageModel::head_norm(at::Tensor& residual, const Addition& added,
                                    const Pass& pass) const {
  const auto needed = [&](const at::Tensor& t) {
    if (pass.logits == Logits::all) return t;
    return t.view({pass.batch, pass.length, t.size(1)}).select(1, pass.length - 1);
  };
  const double eps = config().norm_eps;
  if (!added.rows.defined()) return ops_->rms_norm(needed(residual), final_norm_, eps);
  at::Tensor rows = needed(residual);
  RowScale scale = added.scale;
  if (scale.squares.defined()) scale.squares = needed(scale.squares);
  return ops_->add_rms_norm(needed(added.rows), scale, rows, /*keep=*/false, final_norm_, eps);
}

at::Tensor LanguageModel::fused_step(const at::Tensor& ids, std::vector<LayerState>& states,
                                     const Pass& pass, const at::Tensor& next) const {
  const auto norm_after = [&](std::int64_t layer) {
    return layer + 1 < config().n_layer ? norms_[static_cast<std::size_t>(layer + 1)] : final_norm_;
  };
  StepStream stream;
  {
    const auto range = pass.leaf(-1, Component::embedding);
    stream = ops_->embed_step(ids, embedding_,
                              config().residual_in_fp32 ? at::kFloat : embedding_.scalar_type(),
                              norm_after(-1));
  }
  for (std::int64_t layer = 0; layer < config().n_layer; ++layer) {
    const auto at = static_cast<std::size_t>(layer);
    const ScopedRange group(pass.observer,
                            pass.observer != nullptr ? pass.ranges->group(layer) : -1);
    blocks_[at]->step(stream, norm_after(layer), states[at], pass);
  }
  const auto range = pass.leaf(-1, Component::head);
  StepLinearCall call{stream.next, head_, {}, stream.squares, config().norm_eps};
  at::Tensor logits = ops_->linear_step(call).y;
  if (next.defined()) ops_->greedy(logits, next);
  return logits;
}

at::Tensor LanguageModel::forward(const at::Tensor& ids, std::vector<LayerState>& states,
                                  const Pass& pass, const at::Tensor& next) const {
  const ScopedRange whole(pass.observer, pass.observer != nullptr ? pass.ranges->forward() : -1);
  ops_->overlap(pass.fused && pass.observer == nullptr);
  if (pass.step() && pass.steps == StepFusion::layer) return fused_step(ids, states, pass, next);
  at::Tensor residual;
  Addition added;
  {
    const auto range = pass.leaf(-1, Component::embedding);
    residual = embed(ids);
  }
  for (std::int64_t layer = 0; layer < config().n_layer; ++layer) {
    const auto at = static_cast<std::size_t>(layer);
    const ScopedRange group(pass.observer,
                            pass.observer != nullptr ? pass.ranges->group(layer) : -1);
    at::Tensor normed;
    {
      const auto range = pass.leaf(layer, Component::norm);
      normed = pass.fused && layer > 0
                   ? ops_->add_rms_norm(added.rows, added.scale, residual, /*keep=*/true,
                                        norms_[at], config().norm_eps)
                   : ops_->rms_norm(residual, norms_[at], config().norm_eps);
      added = {};
    }
    added = blocks_[at]->forward(std::move(normed), states[at], pass);
    if (!pass.fused) {
      const auto range = pass.leaf(layer, Component::residual);
      residual.add_(added.rows);
      added = {};
    }
  }
  at::Tensor normed;
  {
    const auto range = pass.leaf(-1, Component::norm);
    normed = head_norm(residual, added, pass);
    residual.reset(), added = {};
  }
  const auto range = pass.leaf(-1, Component::head);
  at::Tensor logits = ops_->linear(normed, head_, {});
  if (next.defined()) ops_->greedy(logits, next);
  normed.reset();
  return logits;
}

}  // namespace ssmprof::workloads
