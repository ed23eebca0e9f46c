#pragma once

#include <cstddef>
#include <vector>

#include "workloads/execution.hpp"

namespace ssmprof::probes {

/// One value per range: a leaf's own, a group's sum over the leaves below it. `value_of(leaf,
/// index)` is asked for leaves only. Value needs a default (zero) and +=.
template <typename Value, typename ValueOf>
std::vector<Value> sum_over_leaves(const std::vector<workloads::RangeSpec>& ranges,
                                   ValueOf value_of) {
  std::vector<Value> sums(ranges.size());
  for (std::size_t i = 0; i < ranges.size(); ++i) {
    if (!ranges[i].leaf) continue;
    const Value value = value_of(ranges[i], i);
    for (int at = static_cast<int>(i); at >= 0; at = ranges[at].parent) sums[at] += value;
  }
  return sums;
}

/// Of all leaves.
inline kernels::Cost total_cost(const std::vector<workloads::RangeSpec>& ranges) {
  kernels::Cost total;
  for (const auto& range : ranges) {
    if (range.leaf) total += range.cost;
  }
  return total;
}

/// Tokens that one run processes: B·L of a prefill, B of a decode step.
inline double tokens_per_run(const workloads::ExecutionSpec& spec) {
  const auto tokens = spec.mode == workloads::Mode::prefill ? spec.batch * spec.length : spec.batch;
  return static_cast<double>(tokens);
}

}  // namespace ssmprof::probes
