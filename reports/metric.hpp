#pragma once

#include <optional>
#include <string>
#include <vector>

namespace ssmprof::reports {

/// How far two honest measurements of a metric may differ (docs/metrics.md).
enum class MetricClass {
  deterministic,       ///< FLOPs, bytes by formula, launches: exactly equal
  semi_deterministic,  ///< DRAM and L2 traffic: 1-3 % and an absolute floor
  stochastic,          ///< time, energy: statistics
};

/// A confidence interval of `value`.
struct Interval {
  double low = 0, high = 0;
  double level = 0.95;
};

/// One number with everything needed to judge it. `value` is empty when it could not be measured;
/// `reason` then says why. Units are SI base units: s, B, FLOP, FLOP/s, B/s, J, W, Hz, 1.
struct Metric {
  std::string id;  ///< stable: "time", "flops", "bytes.min", …; defined in Report::definitions
  std::optional<double> value;
  std::string unit;
  MetricClass cls = MetricClass::deterministic;
  std::string source;  ///< "clock", "cuda_event", "formula", "allocator", "cupti.activity", …
  std::optional<Interval> interval;
  std::vector<double> samples;  ///< raw, in order of measurement
  std::string hw_metric;        ///< hardware counter behind the value, if any
  int passes = 0;               ///< replay passes it took, 0 when not a counter
  std::string reason;
};

inline Metric missing(std::string id, std::string unit, MetricClass cls, std::string source,
                      std::string reason) {
  Metric m;
  m.id = std::move(id);
  m.unit = std::move(unit);
  m.cls = cls;
  m.source = std::move(source);
  m.reason = std::move(reason);
  return m;
}

}  // namespace ssmprof::reports
