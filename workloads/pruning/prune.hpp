#pragma once

#include <cstdint>
#include <vector>

#include "workloads/checkpoint.hpp"
#include "workloads/pruning/score.hpp"

namespace ssmprof::workloads {

/// Which states stay in one layer; the same number in every group.
struct LayerPrunePlan {
  std::int64_t dense = 0;      ///< N before
  std::int64_t requested = 0;  ///< k = max(1, floor(N·(1 − ratio) + 1e-9))
  std::int64_t effective = 0;  ///< N' = min(N, k rounded up to a multiple of align)
  std::vector<std::vector<std::int64_t>> keep;  ///< [group], ascending state indices in [0, N)
  /// Dropped states whose score equals the lowest kept one of their group: how many choices the
  /// score did not make (the lower index was kept).
  std::int64_t ties = 0;
};

struct PrunePlan {
  double ratio = 0;
  int align = 1;
  std::vector<LayerPrunePlan> layers;
};

/// Keeps the highest scores of every group of every layer. Throws reports::InputError when ratio
/// is NaN or outside [0, 1), align < 1, or the scores do not fit the configuration or are NaN.
PrunePlan choose_states(const StateScores& scores, const ModelConfig& config, double ratio,
                        int align = 1);

/// The same tensors with state_mask set: B and C of the dropped states read as zero.
Checkpoint mask_states(const Checkpoint& checkpoint, const PrunePlan& plan);

/// The model without the dropped states, in new and smaller tensors. Mamba-2: rows of in_proj and
/// channels of conv1d of B and C; Mamba-1: columns of A_log and rows of x_proj. A state_mask is
/// carried over for the states that stay.
Checkpoint remove_states(const Checkpoint& checkpoint, const PrunePlan& plan);

}  // namespace ssmprof::workloads
