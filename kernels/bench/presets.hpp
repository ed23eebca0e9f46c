#pragma once

#include <string>
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

/// The published Mamba-2 models (head_dim 64, state 128, one group, conv width 4): `size` is their
/// number of heads times `each`.
inline std::vector<Preset> mamba2_presets(const std::string& size, std::int64_t each) {
  return {{"mamba2-130m", {{size, 24 * each}}},
          {"mamba2-370m", {{size, 32 * each}}},
          {"mamba2-780m", {{size, 48 * each}}},
          {"mamba2-1.3b", {{size, 64 * each}}},
          {"mamba2-2.7b", {{size, 80 * each}}}};
}

/// Of both: Mamba-2 convolves x, B and C side by side, out of rows that also hold z and dt.
inline std::vector<Preset> convolution_presets() {
  auto all = mamba1_presets();
  for (const auto& [name, sizes] : mamba2_presets("dim", 64)) {
    const std::int64_t inner = sizes.at("dim");
    all.push_back({name, {{"dim", inner + 256}, {"row", 2 * inner + 256 + inner / 64}}});
  }
  return all;
}

/// Model widths of the published models: what the residual stream and its norm have.
inline std::vector<Preset> width_presets() {
  return {{"mamba-130m", {{"dim", 768}}},   {"mamba-370m", {{"dim", 1024}}},
          {"mamba-790m", {{"dim", 1536}}},  {"mamba-1.4b", {{"dim", 2048}}},
          {"mamba-2.8b", {{"dim", 2560}}},  {"mamba2-130m", {{"dim", 768}}},
          {"mamba2-370m", {{"dim", 1024}}}, {"mamba2-780m", {{"dim", 1536}}},
          {"mamba2-1.3b", {{"dim", 2048}}}, {"mamba2-2.7b", {{"dim", 2560}}}};
}

}  // namespace ssmprof::kernels::bench
