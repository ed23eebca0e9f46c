#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "reports/report.hpp"

namespace ssmprof::reports {

struct AttributionRowSpec {
  std::string name;
  std::vector<std::string> components;
};

struct AttributionSpec {
  std::string name;
  std::vector<AttributionRowSpec> rows;
};

/// Sums the leaf ranges of a workload into rows that partition it: components of no row, and the
/// workload's "time_other", make up the row "other". Rows without a leaf are left out.
/// Per row: every metric that can be added keeps its id (deterministic and semi-deterministic
/// values add; samples add one by one, then median and interval); if one leaf lacks it, the row's
/// is missing with the reason. Derived: flops_per_second, bytes_per_second, intensity and share.
/// Throws std::invalid_argument when a component stands in two rows: no partition.
Attribution attribute(const Workload& workload, const AttributionSpec& spec);

/// Adds flops_per_second, bytes_per_second and intensity where time, flops and bytes_min are there.
void add_rates(std::vector<Metric>& metrics);

/// Whether values of this metric may be summed over ranges (peaks, rates and shares may not).
bool is_additive(const Metric& metric);

/// Sum of one metric over places, by the rules above. `places` names each in the same order.
Metric sum_metric(std::span<const Metric* const> parts, std::span<const std::string> places,
                  const Metric& like);

/// The metrics of several lists summed id by id, ids in order of first appearance; those that
/// cannot be added are left out.
std::vector<Metric> sum_metrics(std::span<const std::vector<Metric>* const> lists,
                                std::span<const std::string> places);

/// The metric of this id, or null.
const Metric* find_metric(std::span<const Metric> metrics, std::string_view id);

}  // namespace ssmprof::reports
