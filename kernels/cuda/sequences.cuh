#pragma once

#include <cstdint>

#include "kernels/views.hpp"

namespace ssmprof::kernels::cuda {

/// The sequence that row `t` lies in, empty ones skipped: its index and rows [start, end).
__device__ inline void find_sequence(const Sequences& s, std::int64_t t, std::int64_t& index,
                                     std::int64_t& start, std::int64_t& end) {
  std::int64_t low = 0, high = s.count;  // starts[low] <= t < starts[high]
  while (high - low > 1) {
    const std::int64_t middle = (low + high) / 2;
    if (s.starts[middle] <= t)
      low = middle;
    else
      high = middle;
  }
  index = low;
  start = s.starts[low];
  end = s.starts[low + 1];
}

}  // namespace ssmprof::kernels::cuda
