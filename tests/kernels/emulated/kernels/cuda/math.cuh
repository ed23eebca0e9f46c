#pragma once

#include <algorithm>
#include <cmath>

namespace ssmprof::kernels::cuda {

constexpr float kLog2e = 1.4426950408889634F;

inline float exp2_fast(float x) {
  return std::exp2(x);
}
template <bool precise>
float softplus(float x) {
  return std::max(x, 0.0F) + std::log1p(std::exp(-std::abs(x)));
}
template <bool precise>
float silu(float x) {
  return x / (1.0F + std::exp(-x));
}

}  // namespace ssmprof::kernels::cuda
