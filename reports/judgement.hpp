#pragma once

#include <optional>
#include <string>

#include "reports/policy.hpp"
#include "reports/report.hpp"

namespace ssmprof::reports {

/// A metric on both sides, judged. For stochastic metrics the verdict is provisional until Holm's
/// correction over the family has confirmed it; `p_value` is set for every member of the family,
/// 1 for those that found no change.
struct Judgement {
  std::optional<double> ratio;
  std::optional<Interval> interval;
  Verdict verdict = Verdict::incomparable;
  std::string reason;
  std::optional<double> p_value;
};

/// Judges two metrics that both have a value.
Judgement judge(const Metric& baseline, const Metric& candidate, const MetricRule& rule,
                double level, bool paired);

}  // namespace ssmprof::reports
