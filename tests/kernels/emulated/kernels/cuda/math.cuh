#pragma once

#include <cmath>

namespace ssmprof::kernels::cuda {

template <bool precise>
float silu(float x) {
  return x / (1.0F + std::exp(-x));
}

}  // namespace ssmprof::kernels::cuda
