#pragma once

#include <cstdint>
#include <vector>

namespace ssmprof::workloads {

/// What a forward pass over calibration tokens saw, per layer.
struct CalibrationStats {
  std::int64_t tokens = 0;
  /// Mean of Δ after softplus and limits: Mamba-2 [layer][head], Mamba-1 [layer][channel].
  std::vector<std::vector<double>> mean_delta;
};

}  // namespace ssmprof::workloads
