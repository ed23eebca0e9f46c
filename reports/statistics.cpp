#include "reports/statistics.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace ssmprof::reports {
namespace {

std::vector<double> sorted(std::span<const double> values) {
  std::vector<double> copy(values.begin(), values.end());
  std::sort(copy.begin(), copy.end());
  return copy;
}

/// Largest k with 2·P(Bin(n, 1/2) < k) <= 1 - level; 0 when there is none.
int order_statistic_rank(int n, double level) {
  int k = 0;
  while (k + 1 <= n / 2 && 2 * binomial_half_cdf(k, n) <= 1 - level + 1e-12) ++k;
  return k;
}

int samples_needed(double level) {
  int n = 1;
  while (n < 64 && order_statistic_rank(n, level) == 0) ++n;
  return n;
}

bool positive(std::span<const double> values) {
  return std::all_of(values.begin(), values.end(),
                     [](double v) { return std::isfinite(v) && v > 0; });
}

/// Standard normal quantile by bisection of erfc; p in (0, 1).
double normal_quantile(double p) {
  double low = -40, high = 40;
  for (int i = 0; i < 200; ++i) {
    const double mid = (low + high) / 2;
    (0.5 * std::erfc(-mid / std::sqrt(2.0)) < p ? low : high) = mid;
  }
  return (low + high) / 2;
}

}  // namespace

double median(std::span<const double> values) {
  if (values.empty()) return std::numeric_limits<double>::quiet_NaN();
  const auto s = sorted(values);
  const std::size_t n = s.size();
  return n % 2 == 1 ? s[n / 2] : s[n / 2 - 1] + (s[n / 2] - s[n / 2 - 1]) / 2;
}

double binomial_half_cdf(int k, int n) {
  if (k < 0) return 0;
  if (k >= n) return 1;
  const double log_scale = std::lgamma(n + 1.0) - n * std::log(2.0);
  double sum = 0;
  for (int i = 0; i <= k; ++i) {
    sum += std::exp(log_scale - std::lgamma(i + 1.0) - std::lgamma(n - i + 1.0));
  }
  return std::min(sum, 1.0);
}

MedianInterval median_interval(std::span<const double> samples, double level) {
  MedianInterval result;
  const int n = static_cast<int>(samples.size());
  const int k = order_statistic_rank(n, level);
  if (k == 0) {
    result.reason = "no interval: " + std::to_string(n) + (n == 1 ? " sample" : " samples") +
                    ", at least " + std::to_string(samples_needed(level)) + " needed";
    return result;
  }
  const auto s = sorted(samples);
  result.interval = Interval{s[k - 1], s[n - k], 1 - 2 * binomial_half_cdf(k - 1, n)};
  return result;
}

PairedRatio paired_log_ratio(std::span<const double> baseline, std::span<const double> candidate,
                             double level) {
  PairedRatio result;
  if (baseline.size() != candidate.size()) {
    result.reason = "no pairs: " + std::to_string(baseline.size()) + " baseline samples, " +
                    std::to_string(candidate.size()) + " candidate samples";
    return result;
  }
  if (baseline.empty()) {
    result.reason = "no samples";
    return result;
  }
  if (!positive(baseline) || !positive(candidate)) {
    result.reason = "no ratio: a sample is not a positive number";
    return result;
  }
  for (std::size_t i = 0; i < baseline.size(); ++i) {
    result.log_ratios.push_back(std::log(candidate[i] / baseline[i]));
  }
  result.ratio = std::exp(median(result.log_ratios));
  auto bounds = median_interval(result.log_ratios, level);
  result.reason = bounds.reason;
  if (bounds.interval) {
    result.interval = Interval{std::exp(bounds.interval->low), std::exp(bounds.interval->high),
                               bounds.interval->level};
  }
  return result;
}

double sign_test_above(std::span<const double> values, double null) {
  int above = 0;
  int below = 0;
  for (double v : values) {
    above += v > null ? 1 : 0;
    below += v < null ? 1 : 0;
  }
  if (above + below == 0) return 1;
  return binomial_half_cdf(below, above + below);  // P(X >= above) = P(X <= below)
}

UnpairedRatio unpaired_ratio(std::span<const double> baseline, std::span<const double> candidate,
                             double level) {
  UnpairedRatio result;
  if (baseline.empty() || candidate.empty()) {
    result.reason = "no samples";
    return result;
  }
  if (!positive(baseline) || !positive(candidate)) {
    result.reason = "no ratio: a sample is not a positive number";
    return result;
  }
  result.ratio = median(candidate) / median(baseline);
  const double each = 1 - (1 - level) / 2;
  const auto b = median_interval(baseline, each);
  const auto c = median_interval(candidate, each);
  if (!b.interval || !c.interval) {
    result.reason = (b.interval ? "candidate: " + c.reason : "baseline: " + b.reason);
    return result;
  }
  result.interval = Interval{c.interval->low / b.interval->high, c.interval->high / b.interval->low,
                             1 - (1 - b.interval->level) - (1 - c.interval->level)};
  return result;
}

double unpaired_p_above(std::span<const double> baseline, std::span<const double> candidate,
                        double ratio) {
  const auto b = sorted(baseline);
  const auto c = sorted(candidate);
  const int nb = static_cast<int>(b.size());
  const int nc = static_cast<int>(c.size());
  double best = 1;
  for (int kb = 1; kb <= (nb + 1) / 2; ++kb) {
    // b[nb-kb] bounds the baseline's median from above, except with P(Bin(nb) < kb); c[kc-1] bounds
    // the candidate's from below, except with P(Bin(nc) < kc). The smallest kc that separates them
    // has the smallest error.
    const double upper = b[nb - kb] * ratio;
    const int kc = static_cast<int>(std::upper_bound(c.begin(), c.end(), upper) - c.begin()) + 1;
    if (kc > (nc + 1) / 2) continue;
    best = std::min(best, binomial_half_cdf(kb - 1, nb) + binomial_half_cdf(kc - 1, nc));
  }
  return best;
}

std::vector<double> holm(std::span<const double> p_values) {
  const std::size_t m = p_values.size();
  std::vector<std::size_t> order(m);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return p_values[a] < p_values[b]; });
  std::vector<double> adjusted(m);
  double running = 0;
  for (std::size_t rank = 0; rank < m; ++rank) {
    running =
        std::max(running, std::min(1.0, static_cast<double>(m - rank) * p_values[order[rank]]));
    adjusted[order[rank]] = running;
  }
  return adjusted;
}

double smallest_detectable_effect(const Interval& ratio_interval, double ratio) {
  const double half =
      std::max(std::log(ratio_interval.high / ratio), std::log(ratio / ratio_interval.low));
  const double z = normal_quantile(1 - (1 - ratio_interval.level) / 2);
  return std::exp(half * (z + normal_quantile(0.8)) / z) - 1;
}

}  // namespace ssmprof::reports
