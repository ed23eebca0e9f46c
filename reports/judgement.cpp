#include "reports/judgement.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "reports/statistics.hpp"

namespace ssmprof::reports {
namespace {

using Direction = MetricRule::Direction;

std::string percent(double fraction) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3g %%", 100 * fraction);
  return text;
}

/// Whether a change in this sense (larger or smaller) is for the worse.
Verdict verdict_of(bool larger, const MetricRule& rule, bool paired) {
  if (rule.direction == Direction::exact && !paired) return Verdict::regressed;
  const bool worse = rule.direction == Direction::higher ? !larger : larger;
  return worse ? Verdict::regressed : Verdict::improved;
}

Judgement judge_exact(const Metric& baseline, const Metric& candidate, const MetricRule& rule,
                      bool paired) {
  Judgement j;
  const double a = *baseline.value;
  const double b = *candidate.value;
  if (a > 0 && b >= 0) j.ratio = b / a;
  const double threshold = paired ? rule.paired_threshold : rule.threshold;
  const double change = std::abs(b - a);
  if (a == b) {
    j.verdict = Verdict::same;
  } else if (change <= rule.floor) {
    j.verdict = Verdict::same;
    j.reason = "the change is within the absolute floor";
  } else if (change <= threshold * std::abs(a)) {
    j.verdict = Verdict::same;
    j.reason = "the change is within " + percent(threshold);
  } else {
    j.verdict = verdict_of(b > a, rule, paired);
    if (rule.direction == Direction::exact && !paired) j.reason = "must be reproduced exactly";
  }
  return j;
}

/// Ratio with interval from what both sides have: samples, else intervals, else values alone.
void estimate(const Metric& a, const Metric& b, double level, bool paired, Judgement& j) {
  if (paired && !a.samples.empty() && !b.samples.empty()) {
    auto r = paired_log_ratio(a.samples, b.samples, level);
    j.ratio = r.ratio;
    j.interval = r.interval;
    j.reason = r.reason;
  } else if (!a.samples.empty() && !b.samples.empty()) {
    auto r = unpaired_ratio(a.samples, b.samples, level);
    j.ratio = r.ratio;
    j.interval = r.interval;
    j.reason = r.reason;
  } else if (*a.value > 0 && *b.value > 0) {
    j.ratio = *b.value / *a.value;
    if (a.interval && b.interval && a.interval->low > 0 && b.interval->low > 0) {
      j.interval = Interval{b.interval->low / a.interval->high, b.interval->high / a.interval->low,
                            1 - (1 - a.interval->level) - (1 - b.interval->level)};
    } else {
      j.reason = "no interval: neither samples nor intervals on both sides";
    }
  } else {
    j.reason = "no ratio: a value is not positive";
  }
}

/// p-value of the change beyond [low, high], two-sided.
double p_beyond(const Metric& a, const Metric& b, double low, double high, bool paired,
                const Interval& interval) {
  if (a.samples.empty() || b.samples.empty()) return 1 - interval.level;
  if (paired) {
    auto logs = paired_log_ratio(a.samples, b.samples).log_ratios;
    const double above = sign_test_above(logs, std::log(high));
    for (double& v : logs) v = -v;
    return std::min(1.0, 2 * std::min(above, sign_test_above(logs, -std::log(low))));
  }
  return std::min(1.0, 2 * std::min(unpaired_p_above(a.samples, b.samples, high),
                                    unpaired_p_above(b.samples, a.samples, 1 / low)));
}

Judgement judge_stochastic(const Metric& a, const Metric& b, const MetricRule& rule, double level,
                           bool paired) {
  Judgement j;
  if (a.samples == b.samples && a.value == b.value && !paired) {
    // The same measurement twice; measurements of their own never repeat to the last bit.
    j.verdict = Verdict::same;
    if (*a.value > 0) j.ratio = 1;
    j.reason = "identical measurements";
    return j;
  }
  estimate(a, b, level, paired, j);
  j.p_value = 1;  // a member of the family, whatever its verdict
  if (std::abs(*b.value - *a.value) <= rule.floor) {
    j.verdict = Verdict::same;
    j.reason = "the change is within the absolute floor";
    return j;
  }
  const double threshold = paired ? rule.paired_threshold : rule.threshold;
  const double high = 1 + threshold;
  const double low = 1 / high;
  if (!j.interval) {
    const bool within = j.ratio && *j.ratio >= low && *j.ratio <= high;
    j.verdict = within ? Verdict::same : j.ratio ? Verdict::ambiguous : Verdict::incomparable;
    if (within)
      j.reason = "within the threshold of " + percent(threshold) + ", without an interval";
    return j;
  }
  if (j.interval->low > high || j.interval->high < low) {
    j.verdict = verdict_of(j.interval->low > high, rule, paired);
    j.p_value = p_beyond(a, b, low, high, paired, *j.interval);
  } else if (j.interval->low >= low && j.interval->high <= high) {
    j.verdict = Verdict::same;
  } else {
    j.verdict = Verdict::ambiguous;
    j.reason = "the interval reaches over the threshold of " + percent(threshold) +
               "; smallest effect found with 80 % power: " +
               percent(smallest_detectable_effect(*j.interval, *j.ratio));
  }
  return j;
}

}  // namespace

Judgement judge(const Metric& baseline, const Metric& candidate, const MetricRule& rule,
                double level, bool paired) {
  return baseline.cls == MetricClass::stochastic
             ? judge_stochastic(baseline, candidate, rule, level, paired)
             : judge_exact(baseline, candidate, rule, paired);
}

}  // namespace ssmprof::reports
