#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "reports/metric.hpp"

namespace ssmprof::reports {

/// Median; mean of the middle two for an even count. NaN for an empty span.
double median(std::span<const double> values);

/// P(X <= k) for X ~ Binomial(n, 1/2), exact to double precision.
double binomial_half_cdf(int k, int n);

/// An interval or the reason why there is none.
struct MedianInterval {
  std::optional<Interval> interval;
  std::string reason;
};

/// Distribution-free confidence interval of the median: [x_(k), x_(n-k+1)] with the largest k whose
/// coverage 1 - 2·P(Bin(n, 1/2) < k) is at least `level`. Interval::level is the coverage reached.
/// At 0.95 there is none below 6 samples.
MedianInterval median_interval(std::span<const double> samples, double level = 0.95);

/// Ratio candidate / baseline of samples taken in pairs.
struct PairedRatio {
  std::optional<double> ratio;       ///< exp(median of log(candidate_i / baseline_i))
  std::optional<Interval> interval;  ///< sign-test interval of it
  std::vector<double> log_ratios;
  std::string reason;  ///< why ratio or interval is empty
};

/// Median log-ratio with its sign-test interval on the ratio scale. Samples must be positive and
/// pair by index.
PairedRatio paired_log_ratio(std::span<const double> baseline, std::span<const double> candidate,
                             double level = 0.95);

/// One-sided sign test: the probability of at least as many values above `null` when the median
/// is `null`. Values equal to `null` are left out; 1 when none remain.
double sign_test_above(std::span<const double> values, double null);

/// Ratio of the medians of two independent sample sets.
struct UnpairedRatio {
  std::optional<double> ratio;
  std::optional<Interval> interval;
  std::string reason;
};

/// Interval [low_c / high_b, high_c / low_b] from the two order-statistic intervals, each taken at
/// 1 - (1 - level)/2, so that both hold together with at least `level` (Bonferroni). Conservative,
/// free of distribution and of seeds. Samples must be positive.
UnpairedRatio unpaired_ratio(std::span<const double> baseline, std::span<const double> candidate,
                             double level = 0.95);

/// Upper bound of the p-value of "median(candidate) / median(baseline) <= ratio": the smallest sum
/// of two one-sided order-statistic errors at which the bounds still separate; 1 when they do not.
double unpaired_p_above(std::span<const double> baseline, std::span<const double> candidate,
                        double ratio);

/// Holm's step-down adjusted p-values, in the order given.
std::vector<double> holm(std::span<const double> p_values);

/// The smallest relative change (0.03 = 3 %) that data this noisy finds with 80 % power: the wider
/// half of the ratio's interval on the log scale, scaled by (z_level + z_0.8) / z_level.
double smallest_detectable_effect(const Interval& ratio_interval, double ratio);

}  // namespace ssmprof::reports
