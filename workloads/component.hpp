#pragma once

#include <array>
#include <string_view>

namespace ssmprof::workloads {

/// The parts of a Mamba language model that a report speaks of.
enum class Component {
  embedding,
  norm,
  in_proj,
  conv,
  x_proj,
  dt_proj,
  scan,
  ssd,
  gate,
  gated_norm,
  out_proj,
  residual,
  head,
  other,
};

inline constexpr std::array<std::string_view, 14> kComponentNames = {
    "embedding", "norm", "in_proj",    "conv",     "x_proj",   "dt_proj", "scan",
    "ssd",       "gate", "gated_norm", "out_proj", "residual", "head",    "other"};

constexpr std::string_view name_of(Component c) {
  return kComponentNames[static_cast<int>(c)];
}

}  // namespace ssmprof::workloads
