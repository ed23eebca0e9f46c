#pragma once

#include <vector>

#include "kernels/bench/kernel_case.hpp"

namespace ssmprof::kernels::bench {

/// Inner widths of the published Mamba-1 models (state 16, conv width 4, dt_rank = dim / 32).
inline std::vector<Preset> mamba1_presets() {
  return {{"mamba-130m", {{"dim", 1536}}},
          {"mamba-370m", {{"dim", 2048}}},
          {"mamba-790m", {{"dim", 3072}}},
          {"mamba-1.4b", {{"dim", 4096}}},
          {"mamba-2.8b", {{"dim", 5120}}}};
}

}  // namespace ssmprof::kernels::bench
