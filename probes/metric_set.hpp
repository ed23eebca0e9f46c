#pragma once

#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "reports/metric.hpp"

namespace ssmprof::probes {

/// A set of hardware counters and what is made of them: one file metric_sets/NAME.json.
///   "counters":   name → alternatives; an alternative is a list of hardware metrics that are
///   added.
///                 The first alternative that a chip knows is used.
///   "metrics":    metric id → {counter name: weight}; value = Σ weight · counter.
///   "with_dtype": data type of the run → another set that comes along.
///   "of_the_whole": metric ids that only the whole execution has, no range.
///   "definitions": unit, class and text of metric ids that reports/data/definitions.json lacks.
struct MetricSet {
  std::string name, summary;
  std::map<std::string, std::vector<std::vector<std::string>>> counters;
  std::map<std::string, std::map<std::string, double>> metrics;
  std::map<std::string, std::string> with_dtype;
  std::vector<std::string> of_the_whole;
  std::map<std::string, reports::Metric> defined_here;  ///< blank metrics: id, unit, class
};

/// Files of metric_sets/: stem → content.
const std::map<std::string, std::string>& embedded_metric_sets();

/// Throws reports::InputError naming the file and the fault.
MetricSet parse_metric_set(const std::string& name, const std::string& json);

/// The named sets and those that come along for this data type ("fp32", "fp16", "bf16").
/// Throws reports::InputError naming an unknown set and the known ones.
std::vector<MetricSet> load_metric_sets(const std::vector<std::string>& names,
                                        std::string_view dtype);

/// {metric id: {unit, class, definition, source, additive}} of the ids that only the metric sets
/// define; to stand beside reports::metric_definitions() in a report.
nlohmann::json metric_set_definitions();

/// One metric as a weighted sum of hardware metrics, or the reason why this chip has none.
struct ResolvedMetric {
  reports::Metric blank;                              ///< id, unit, class, source, hw_metric
  std::vector<std::pair<std::size_t, double>> terms;  ///< index into ResolvedSets::hardware
  std::string reason;                                 ///< not empty: cannot be measured
  bool of_the_whole = false;                          ///< no range has it
};

/// Whether ranges need a hardware metric that the whole execution has been counted for.
enum class InRanges {
  never,        ///< only metrics of the whole are made of it
  unless_zero,  ///< a count of operations: zero over the whole is zero in each range
  always,
};

/// What to count on one chip.
struct ResolvedSets {
  std::vector<std::string> hardware;  ///< distinct hardware metrics, in order of first use
  std::vector<ResolvedMetric> metrics;

  /// Of each of `hardware`.
  std::vector<InRanges> in_ranges() const;

  /// The value of a metric from the values of `hardware`.
  static double evaluate(const ResolvedMetric& metric, const std::vector<double>& values);
};

/// `knows` tells whether the chip has a hardware metric; `chip` is for the reasons. A metric may
/// use counters of any of the sets.
ResolvedSets resolve(const std::vector<MetricSet>& sets, const std::string& chip,
                     const std::function<bool(const std::string&)>& knows);

}  // namespace ssmprof::probes
