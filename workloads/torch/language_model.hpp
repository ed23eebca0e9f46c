#pragma once

#include <ATen/ATen.h>
#include <cstdint>
#include <memory>
#include <vector>

#include "workloads/checkpoint.hpp"
#include "workloads/torch/layers.hpp"

namespace ssmprof::workloads {

/// Embedding, blocks, final norm and head on one device, for one backend and dtype.
class LanguageModel {
 public:
  /// `ops` in place of the spec's backend, or null for that.
  LanguageModel(std::shared_ptr<const Checkpoint> checkpoint, const ExecutionSpec& spec,
                std::unique_ptr<Ops> ops = nullptr);

  const ModelConfig& config() const { return checkpoint_->config; }
  const ExecutionSpec& spec() const { return spec_; }
  std::uint64_t weight_bytes() const { return weight_bytes_; }

  /// Zero states for `batch` sequences.
  std::vector<LayerState> new_states(std::int64_t batch) const;

  /// ids int64 [batch · length] on the device → logits [positions, vocab] in the execution's
  /// dtype, where positions = batch (last) or batch · length (all). Advances `states`. In a decode
  /// step, `next` (int64 [batch]), when given, receives the greedy next tokens inside the head's
  /// range.
  at::Tensor forward(const at::Tensor& ids, std::vector<LayerState>& states, const Pass& pass,
                     const at::Tensor& next = {}) const;

 private:
  /// forward() for a step of StepFusion::layer.
  at::Tensor fused_step(const at::Tensor& ids, std::vector<LayerState>& states, const Pass& pass,
                        const at::Tensor& next) const;
  at::Tensor embed(const at::Tensor& ids) const;
  at::Tensor head_norm(at::Tensor& residual, const Addition& added, const Pass& pass) const;

  std::shared_ptr<const Checkpoint> checkpoint_;
  ExecutionSpec spec_;
  std::unique_ptr<Ops> ops_;
  at::Tensor embedding_, final_norm_, head_;
  std::vector<at::Tensor> norms_;
  std::vector<std::unique_ptr<Block>> blocks_;
  std::uint64_t weight_bytes_ = 0;
};

}  // namespace ssmprof::workloads
