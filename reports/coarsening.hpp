#pragma once

#include <string>
#include <vector>

#include "reports/report.hpp"

namespace ssmprof::reports {

/// One place of two workloads that may be compared; an empty pointer is a place that one side does
/// not have.
struct PlacePair {
  std::string name;  ///< range id, or "component:row"
  bool has_baseline = false, has_candidate = false;
  std::vector<Metric> baseline, candidate;
};

/// The ranges of two workloads paired by id. Where one side fuses what the other keeps apart
/// (`includes`), the ranges of that layer are summed until both sides hold the same components:
/// "layer.03/ssd+gate".
std::vector<PlacePair> pair_ranges(const Workload& baseline, const Workload& candidate);

/// The rows of the native attributions paired by name, merged in the same way:
/// "component:ssd+gate".
std::vector<PlacePair> pair_rows(const Workload& baseline, const Workload& candidate);

}  // namespace ssmprof::reports
