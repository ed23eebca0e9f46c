#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

namespace ssmprof::kernels::bench {

inline double softplus64(double x) {
  return x > 20.0 ? x : std::log1p(std::exp(x));
}
inline double silu64(double x) {
  return x / (1.0 + std::exp(-x));
}

/// Up to `count` of [0, total): the first half and the last half of them.
inline std::vector<std::int64_t> both_ends(std::int64_t total, std::int64_t count) {
  std::vector<std::int64_t> picked;
  if (total <= count) {
    for (std::int64_t i = 0; i < total; ++i) picked.push_back(i);
    return picked;
  }
  for (std::int64_t i = 0; i < count / 2; ++i) picked.push_back(i);
  for (std::int64_t i = total - (count - count / 2); i < total; ++i) picked.push_back(i);
  return picked;
}

}  // namespace ssmprof::kernels::bench
