#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "kernels/linear.hpp"
#include "workloads/execution.hpp"
#include "workloads/range.hpp"

namespace ssmprof::workloads {

/// The ranges of one execution, in order of execution, each parent before its children:
///   forward
///     embedding                          writes the residual stream in its own dtype
///     layer.00                           (two digits or as many as the last layer needs)
///       layer.00/norm /in_proj /conv
///       Mamba-1: /x_proj /dt_proj /scan /gate    Mamba-2: /ssd /gated_norm
///       layer.00/out_proj /residual
///     norm                               the final one, over the positions that the head needs
///     head                               last position of each sequence, or all (Logits)
/// With fusion and the native backend: Mamba-1's scan includes gate (no gate range); the residual
/// add moves into the next norm (which then includes residual; layer 0's norm has none to add).
/// Where prefill_norm_fused() holds, Mamba-2's ssd includes gated_norm but for the scale of a row,
/// which the next norm applies to what it adds: out_proj does not mix rows.
/// Decode steps may fuse more, see step_fusion(): ranges that have become part of others are not
/// listed, and those say what they include.
/// The torch backend fuses nothing: fusion on and off are the same there.
/// Costs are what is executed at least (docs/metrics.md): weights in spec.dtype, the residual
/// stream in fp32 or spec.dtype by the configuration, final states written by a prefill (conv in
/// spec.dtype, SSM in spec.state_dtype), states read and written by a decode step.
std::vector<RangeSpec> plan_ranges(const ModelConfig& config, const ExecutionSpec& spec);

/// What one kernel does in a decode step beyond the fusion of a prefill. With `recurrence`, dt_proj
/// belongs to Mamba-1's scan. With `layer`, a layer has three or four kernels: in_proj with the
/// scale of the norm before it and the convolution; Mamba-1: x_proj, then the scan with dt_proj and
/// gate; Mamba-2: the state update with the gate and the norm's sums; out_proj with the residual
/// add and the weight and sums of the next norm (layer 0's are the embedding's).
enum class StepFusion { none, recurrence, layer };

/// Sequences up to which whole layers fuse: as many as the native products take
/// (docs/kernels_linear.md).
inline constexpr std::int64_t kFusedStepRows = kernels::kLinearRows;

/// Of a decode step of `spec`: bf16 on a CUDA device with fusion and the native backend, few
/// sequences, and sizes that the kernels take.
StepFusion step_fusion(const ModelConfig& config, const ExecutionSpec& spec);

/// Whether a pass of several tokens leaves the gated norm to the ssd and the norm behind out_proj:
/// fusion, the native backend, one norm group, no bias in out_proj, and not fp16, which what is not
/// yet scaled could overflow.
bool prefill_norm_fused(const ModelConfig& config, const ExecutionSpec& spec);

/// Sum over the leaves.
kernels::Cost total_cost(const std::vector<RangeSpec>& ranges);

/// What one decode step must move at least when only weights and states count (perfmamba's floor):
/// every weight that a step uses once (the embedding table only as a tied head), the SSM state and
/// the convolution's state read and written. Activations, in plan_ranges(), come on top.
std::uint64_t decode_floor_bytes(const ModelConfig& config, const ExecutionSpec& spec);

/// The chunk length the torch backend executes SSD with: min(config.chunk_size, length).
std::int64_t torch_ssd_chunk(const ModelConfig& config, std::int64_t length);

/// The chunk length that `spec`'s backend executes SSD with in this layer (0 for a decode step).
std::int64_t executed_ssd_chunk(const ModelConfig& config, const ExecutionSpec& spec,
                                std::int64_t layer);

/// Where a range stands in the plan, for the code that opens it.
class RangeIndex {
 public:
  explicit RangeIndex(const std::vector<RangeSpec>& ranges);
  int forward() const { return 0; }
  /// The group "layer.NN".
  int group(std::int64_t layer) const { return groups_.at(static_cast<std::size_t>(layer)); }
  /// The leaf; layer -1 for embedding, final norm and head. -1 when it was fused away.
  int leaf(std::int64_t layer, Component component) const {
    return leaves_.at(static_cast<std::size_t>(layer + 1)).at(static_cast<std::size_t>(component));
  }

 private:
  std::vector<int> groups_;
  std::vector<std::array<int, kComponentNames.size()>> leaves_;
};

}  // namespace ssmprof::workloads
