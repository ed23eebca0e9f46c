#include "probes/interleaved.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <memory>
#include <span>
#include <string>

#include "probes/metrics.hpp"
#include "probes/range_tree.hpp"
#include "probes/run_timer.hpp"
#include "reports/statistics.hpp"

namespace ssmprof::probes {

namespace {

using Clock = std::chrono::steady_clock;
using Level = reports::Diagnostic::Level;

constexpr int kMinPairs = 20;
constexpr double kInstrumentationLimit = 0.05;
constexpr double kInstrumentationNote = 0.01;  // and from here on it is said

struct Round {
  double plain = 0, instrumented = 0, token = 0;
  std::vector<double> ranges;
};

struct Variant {
  workloads::Execution* execution;
  std::unique_ptr<RunTimer> timer;
  std::vector<Round> rounds;
  std::vector<double> plain;  ///< of all rounds, in order

  template <typename Get>
  std::vector<double> samples(Get get) const {
    std::vector<double> values;
    values.reserve(rounds.size());
    for (const auto& round : rounds) values.push_back(get(round));
    return values;
  }
};

class Interleaver {
 public:
  Interleaver(const std::vector<workloads::Execution*>& executions, const ProbeOptions& options)
      : options_(options), budget_(options.max_seconds * static_cast<double>(executions.size())) {
    for (auto* execution : executions) {
      variants_.push_back({execution, make_run_timer(*execution), {}, {}});
    }
    min_rounds_ = several() ? std::max(kMinPairs, options.min_samples) : options.min_samples;
    max_rounds_ = std::max(options.max_samples, min_rounds_);
  }

  void measure() {
    warm_up();
    start_ = Clock::now();
    for (int round = 0; !finished(round); ++round) {
      if (!run_round(round % 2 == 1)) break;
      if (options_.progress) options_.progress(done(round + 1));
    }
  }

  bool several() const { return variants_.size() > 1; }
  bool interrupted() const { return interrupted_; }
  int min_rounds() const { return min_rounds_; }
  const std::vector<Variant>& variants() const { return variants_; }

 private:
  bool poll() {
    if (options_.interrupted != nullptr && options_.interrupted()) interrupted_ = true;
    return interrupted_;
  }

  double elapsed() const { return std::chrono::duration<double>(Clock::now() - start_).count(); }

  void warm_up() {
    for (auto& variant : variants_) {
      start_ = Clock::now();
      std::vector<double> ignored;
      for (int i = 0; i == 0 || elapsed() < options_.warmup_seconds; ++i) {
        if (poll()) return;
        if (i % 3 == 0) variant.timer->run_plain();
        if (i % 3 == 1) variant.timer->run_instrumented(ignored);
        if (i % 3 == 2) variant.timer->run_to_token();
      }
    }
  }

  /// Runs all variants three ways, in order or backward; keeps nothing when interrupted.
  bool run_round(bool backward) {
    std::vector<Round> fresh(variants_.size());
    for (int kind = 0; kind < 3; ++kind) {
      for (std::size_t step = 0; step < variants_.size(); ++step) {
        const std::size_t i = backward ? variants_.size() - 1 - step : step;
        if (poll()) return false;
        auto& timer = *variants_[i].timer;
        if (several()) timer.flush_cache();
        if (kind == 0) fresh[i].plain = timer.run_plain();
        if (kind == 1) fresh[i].instrumented = timer.run_instrumented(fresh[i].ranges);
        if (kind == 2) fresh[i].token = timer.run_to_token();
      }
    }
    for (std::size_t i = 0; i < variants_.size(); ++i) {
      variants_[i].plain.push_back(fresh[i].plain);
      variants_[i].rounds.push_back(std::move(fresh[i]));
    }
    return true;
  }

  bool finished(int rounds) {
    if (poll() || rounds >= max_rounds_) return true;
    if (rounds == 0) return false;
    if (elapsed() >= budget_) return true;
    if (rounds < min_rounds_) return false;
    if (elapsed() >= options_.enough_seconds * static_cast<double>(variants_.size())) return true;
    return std::all_of(variants_.begin(), variants_.end(), [&](const Variant& variant) {
      const auto interval = reports::median_interval(variant.plain).interval;
      if (!interval) return false;
      const double half = (interval->high - interval->low) / 2;
      return half <= options_.target_interval * reports::median(variant.plain);
    });
  }

  double done(int rounds) const {
    const double by_count = static_cast<double>(rounds) / min_rounds_;
    const double by_time = budget_ > 0 ? elapsed() / budget_ : 1.0;
    return std::min(1.0, std::max(by_time, std::min(by_count, 0.99)));
  }

  const ProbeOptions& options_;
  std::vector<Variant> variants_;
  double budget_;
  int min_rounds_ = 0, max_rounds_ = 0;
  bool interrupted_ = false;
  Clock::time_point start_;
};

/// Mean with the interval of Student's t (Cornish-Fisher expansion of its quantile).
reports::Metric make_mean(std::string_view id, std::vector<double> samples,
                          std::string_view source) {
  auto metric = make_sampled(id, std::move(samples), source);
  const double n = static_cast<double>(metric.samples.size());
  double mean = 0, squares = 0;
  for (double x : metric.samples) mean += x / n;
  for (double x : metric.samples) squares += (x - mean) * (x - mean);
  metric.value = mean;
  metric.interval.reset();
  if (n >= 6) {
    const double z = 1.959963984540054, v = n - 1;
    const double t = z + (std::pow(z, 3) + z) / (4 * v) +
                     (5 * std::pow(z, 5) + 16 * std::pow(z, 3) + 3 * z) / (96 * v * v);
    const double half = t * std::sqrt(squares / v / n);
    metric.interval = reports::Interval{mean - half, mean + half, 0.95};
  }
  return metric;
}

/// amount / time, sample by sample; the samples themselves stand with the time.
reports::Metric make_rate(std::string_view id, double amount, std::vector<double> seconds) {
  for (double& s : seconds) s = amount / s;
  auto metric = make_sampled(id, std::move(seconds), "derived from time");
  metric.samples.clear();
  return metric;
}

void report_ranges(const Variant& variant, reports::Workload& target) {
  const auto& specs = variant.execution->ranges();
  const auto source = variant.timer->source();
  std::vector<std::vector<double>> samples(specs.size());
  std::vector<double> other;
  for (const auto& round : variant.rounds) {
    const auto sums = sum_over_leaves<double>(
        specs, [&](const workloads::RangeSpec&, std::size_t i) { return round.ranges[i]; });
    double leaves = 0;
    for (std::size_t i = 0; i < specs.size(); ++i) {
      samples[i].push_back(sums[i]);
      if (specs[i].leaf) leaves += sums[i];
    }
    other.push_back(round.instrumented - leaves);
  }
  for (std::size_t i = 0; i < specs.size(); ++i) {
    put(target.ranges[i].metrics, make_sampled("time", std::move(samples[i]), source));
  }
  put(target.metrics, make_sampled("time_other", std::move(other), "derived from time"));
  put(target.metrics,
      make_sampled("time_with_ranges",
                   variant.samples([](const Round& round) { return round.instrumented; }), source));
}

void report_whole(const Variant& variant, reports::Workload& target) {
  const auto& spec = variant.execution->spec();
  const bool prefill = spec.mode == workloads::Mode::prefill;
  put(target.metrics, make_sampled("time", variant.plain, variant.timer->source()));
  auto token = variant.samples([](const Round& round) { return round.token; });
  put(target.metrics, prefill ? make_sampled("ttft", std::move(token), "clock")
                              : make_mean("tpot", std::move(token), "clock"));
  put(target.metrics, make_rate("tokens_per_second", tokens_per_run(spec), variant.plain));
  const auto cost = total_cost(variant.execution->ranges());
  put(target.metrics,
      make_rate("flops_per_second", static_cast<double>(cost.flops), variant.plain));
  put(target.metrics,
      make_rate("bytes_per_second", static_cast<double>(cost.bytes()), variant.plain));
}

void report_instrumentation(const Variant& variant, reports::Workload& target) {
  const double plain = reports::median(variant.plain);
  const double instrumented =
      reports::median(variant.samples([](const Round& round) { return round.instrumented; }));
  const double difference = std::abs(instrumented / plain - 1);
  if (difference <= kInstrumentationNote) return;
  char text[200];
  std::snprintf(text, sizeof text,
                "with ranges timed the forward takes %.3g times as long as without: ranges sum to "
                "the instrumented run, the whole is timed without them",
                instrumented / plain);
  add_diagnostic(target, "time.instrumentation",
                 difference > kInstrumentationLimit ? Level::warning : Level::info, text,
                 "compare shares between ranges, not their sum with the whole");
}

/// Fewer samples than asked for, or a median that is not known well enough.
void report_confidence(const Interleaver& run, const Variant& variant, double target_interval,
                       reports::Workload& target) {
  const auto rounds = variant.rounds.size();
  if (rounds < static_cast<std::size_t>(run.min_rounds())) {
    add_diagnostic(
        target, "time.few_samples", Level::warning,
        "only " + std::to_string(rounds) + " of " + std::to_string(run.min_rounds()) +
            (run.several() ? " pairs: " : " samples: ") +
            (run.interrupted() ? "interrupted" : "the time allowed was used up"),
        run.interrupted() ? "" : "allow more with --max-seconds, or measure a smaller workload");
    return;
  }
  const auto interval = reports::median_interval(variant.plain).interval;
  if (!interval) return;
  const double middle = reports::median(variant.plain);
  const double half = std::max(interval->high - middle, middle - interval->low) / middle;
  if (half <= target_interval) return;
  char text[120];
  std::snprintf(text, sizeof text, "the median of time is known to ±%.*f %% only (aim: %.2g %%)",
                half < 0.1 ? 2 : 0, 100 * half, 100 * target_interval);
  add_diagnostic(target, "time.wide_interval", Level::info, text);
}

void report(const Interleaver& run, const Variant& variant, const ProbeOptions& options,
            reports::Workload& target) {
  if (variant.rounds.empty()) {
    const bool prefill = variant.execution->spec().mode == workloads::Mode::prefill;
    put_missing_times(prefill, "interrupted before the first sample was complete", target);
    return;
  }
  report_ranges(variant, target);
  report_whole(variant, target);
  report_instrumentation(variant, target);
  report_confidence(run, variant, options.target_interval, target);
}

}  // namespace

void put_missing_times(bool prefill, const std::string& reason, reports::Workload& target) {
  put_missing(target.metrics,
              {"time", "time_other", "time_with_ranges", prefill ? "ttft" : "tpot",
               "tokens_per_second", "flops_per_second", "bytes_per_second"},
              "clock", reason);
  for (auto& range : target.ranges) put_missing(range.metrics, {"time"}, "clock", reason);
}

void measure_interleaved(const std::vector<workloads::Execution*>& executions,
                         const ProbeOptions& options,
                         const std::vector<reports::Workload*>& targets) {
  Interleaver run(executions, options);
  run.measure();
  for (std::size_t i = 0; i < targets.size(); ++i) {
    report(run, run.variants()[i], options, *targets[i]);
  }
}

}  // namespace ssmprof::probes
