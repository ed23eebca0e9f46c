#include <chrono>
#include <cstdio>
#include <memory>

#include "probes/activity_map.hpp"
#include "probes/metrics.hpp"
#include "probes/occupancy.hpp"
#include "probes/probe.hpp"
#include "reports/error.hpp"
#include "reports/statistics.hpp"
#if SSMPROF_HAS_CUDA
#include "probes/cupti/tracer.hpp"
#endif

namespace ssmprof::probes {

namespace {

using Level = reports::Diagnostic::Level;

constexpr std::string_view kSource = "cupti.activity";
constexpr int kRuns = 20;  // at most; the ranges are many, and so are the comparisons
constexpr double kMuchOverhead = 1.25;
constexpr double kMaxSeconds = 2.0, kWarmSeconds = 0.05;

/// The same number of launches in every run, or nothing and why.
reports::Metric launches_metric(const RangeActivity& range) {
  for (const auto launches : range.launches) {
    if (launches != range.launches.front()) {
      return make_missing("launches", kSource,
                          "differs between runs: " + std::to_string(range.launches.front()) +
                              " and " + std::to_string(launches));
    }
  }
  return make_metric("launches", static_cast<double>(range.launches.front()), kSource);
}

void put_activity(std::vector<reports::Metric>& metrics, const RangeActivity& range) {
  put(metrics, make_sampled("kernel_time", range.kernel_time, kSource));
  put(metrics, make_sampled("kernel_time_union", range.kernel_time_union, kSource));
  put(metrics, make_sampled("launch_gap", range.launch_gap, kSource));
  put(metrics, launches_metric(range));
}

/// Found, missed and dropped records.
void report_counts(const ActivityMap& map, const ActivityLog& log, std::size_t runs,
                   reports::Workload& target) {
  const double total = map.found_time + map.missed_time;
  const double share = total > 0 ? map.found_time / total : 0;
  char text[300];
  std::snprintf(text, sizeof text,
                "%zu runs: %zu kernels found in ranges, %zu missed, %zu records dropped; %.2f %% "
                "of the kernel time is attributed; %zu kernels ran in graphs",
                runs, map.found, map.missed, log.dropped, 100 * share, map.in_graphs);
  const bool good = log.dropped == 0 && (total == 0 || share >= 0.995);
  add_diagnostic(target, "activity.records", good ? Level::info : Level::warning, text,
                 good ? "" : "times of ranges are incomplete");
  if (map.foreign != 0) {
    add_diagnostic(target, "activity.foreign", Level::info,
                   std::to_string(map.foreign) + " kernels ran after the last range of any run");
  }
}

/// Against the time phase, in which nothing had been traced in the process yet; without it, against
/// `untraced` runs just before.
void report_overhead(double traced, double untraced, reports::Workload& target) {
  const auto* timed = find_metric(target.metrics, "time");
  const bool before = timed != nullptr && timed->value && *timed->value > 0;
  const double ratio = traced / (before ? *timed->value : untraced);
  char text[200];
  std::snprintf(text, sizeof text, "a traced run takes %.3f times as long as an untraced one%s",
                ratio, before ? " of the time phase" : "");
  const bool much = ratio > kMuchOverhead;
  add_diagnostic(target, "activity.overhead", much ? Level::warning : Level::info, text,
                 much ? "kernel_time holds; launch_gap is that of the slowed run" : "");
}

#if SSMPROF_HAS_CUDA
/// Binds the launches of every leaf to its external id.
class TracingObserver : public workloads::RangeObserver {
 public:
  TracingObserver(cupti::Tracer& tracer, const std::vector<workloads::RangeSpec>& ranges)
      : tracer_(tracer), ranges_(ranges.size()) {
    for (const auto& range : ranges) leaf_.push_back(range.leaf);
  }
  void next_run() { ++run_; }
  void enter(int range) override {
    if (leaf_[range]) tracer_.enter(external_id(run_, static_cast<std::size_t>(range), ranges_));
  }
  void leave(int range) override {
    if (leaf_[range]) tracer_.leave();
  }

 private:
  cupti::Tracer& tracer_;
  std::size_t ranges_, run_ = 0;
  std::vector<char> leaf_;
};
#endif

/// Kernels by the range in which they were launched.
class ActivityProbe : public Probe {
 public:
  std::string_view name() const override { return "activity"; }
  std::string_view summary() const override {
    return "kernels, their time and the gaps between them per range (CUPTI)";
  }
  Phase phase() const override { return Phase::activity; }

  Availability available(const workloads::ExecutionSpec& spec) const override {
    if (spec.device != kernels::Device::cuda) {
      return {false, "the run is on the CPU", "kernels are traced on a GPU: --device cuda"};
    }
#if SSMPROF_HAS_CUDA
    return cupti::activity_available(spec.device_index);
#else
    return {false, "built without CUDA", "configure with -DSSMPROF_CUDA=ON"};
#endif
  }

  void measure(workloads::Execution& execution, const ProbeOptions& options,
               reports::Workload& target) override {
#if SSMPROF_HAS_CUDA
    try {
      trace(execution, options, target);
    } catch (const reports::EnvironmentError& error) {
      missing_metrics({false, error.what(), ""}, target);
      add_diagnostic(target, "probe.unavailable", Level::warning,
                     std::string("activity: ") + error.what());
    }
#else
    (void)execution;
    (void)options;
    missing_metrics({false, "built without CUDA", ""}, target);
#endif
  }

  void missing_metrics(const Availability& why, reports::Workload& target) const override {
    const auto missing = [&](std::vector<reports::Metric>& metrics) {
      put_missing(metrics, {"kernel_time", "kernel_time_union", "launches", "launch_gap"}, kSource,
                  why.reason);
    };
    missing(target.metrics);
    for (auto& range : target.ranges) missing(range.metrics);
  }

 private:
#if SSMPROF_HAS_CUDA
  static void trace(workloads::Execution& execution, const ProbeOptions& options,
                    reports::Workload& target) {
    const auto& specs = execution.ranges();
    // First runs, of the execution and of the tracer, are neither kept nor compared.
    wall_times(execution, options, nullptr, kWarmSeconds);
    const auto untraced = wall_times(execution, options, nullptr, kMaxSeconds);
    cupti::Tracer tracer;
    TracingObserver observer(tracer, specs);
    wall_times(execution, options, &observer, kWarmSeconds);
    tracer.collect();
    TracingObserver counted(tracer, specs);
    const auto walls = wall_times(execution, options, &counted, kMaxSeconds);
    if (walls.empty()) throw reports::EnvironmentError("interrupted before the first traced run");
    const auto log = tracer.collect();
    auto map = map_activities(log, specs, walls.size());
    if (map.found + map.missed == 0) {
      throw reports::EnvironmentError("CUPTI recorded no kernel of " +
                                      std::to_string(walls.size()) + " runs");
    }
    add_occupancy(execution.spec().device_index, map);
    put_activity(target.metrics, map.whole);
    for (std::size_t i = 0; i < specs.size(); ++i) {
      put_activity(target.ranges[i].metrics, map.ranges[i]);
      target.ranges[i].kernels = std::move(map.ranges[i].kernels);
      add_transfers(map.ranges[i], walls.size(), target.ranges[i]);
    }
    report_counts(map, log, walls.size(), target);
    if (!untraced.empty()) {
      report_overhead(reports::median(walls), reports::median(untraced), target);
    }
  }

  /// Seconds of up to kRuns runs from submission to completion, traced by `observer` or not, begun
  /// within `seconds`.
  static std::vector<double> wall_times(workloads::Execution& execution,
                                        const ProbeOptions& options, TracingObserver* observer,
                                        double seconds) {
    using Clock = std::chrono::steady_clock;
    std::vector<double> walls;
    const auto begin = Clock::now();
    for (int run = 0; run < kRuns; ++run) {
      if (options.interrupted != nullptr && options.interrupted()) break;
      const auto start = Clock::now();
      execution.run(observer);
      execution.synchronize();
      const auto now = Clock::now();
      walls.push_back(std::chrono::duration<double>(now - start).count());
      if (observer != nullptr) observer->next_run();
      if (std::chrono::duration<double>(now - begin).count() > seconds) break;
    }
    return walls;
  }

  static void add_occupancy(int device_index, ActivityMap& map) {
    std::string reason;
    const auto gpu = find_gpu(device_index, reason);
    if (!gpu) return;
    for (auto& range : map.ranges) {
      for (auto& kernel : range.kernels) {
        kernel.occupancy =
            theoretical_occupancy(*gpu, kernel.block[0] * kernel.block[1] * kernel.block[2],
                                  kernel.registers, kernel.shared_bytes);
      }
    }
  }

  /// Copies and fills stand in the table of kernels, so that a range with one is not empty.
  static void add_transfers(const RangeActivity& activity, std::size_t runs,
                            reports::Range& range) {
    const auto add = [&](const char* name, std::size_t count) {
      if (count == 0) return;
      reports::KernelRecord record;
      record.name = name;
      record.launches = static_cast<std::int64_t>((count + runs / 2) / runs);
      range.kernels.push_back(std::move(record));
    };
    add("[memcpy]", activity.copies);
    add("[memset]", activity.fills);
  }
#endif
};

}  // namespace

std::unique_ptr<Probe> make_activity_probe() {
  return std::make_unique<ActivityProbe>();
}

}  // namespace ssmprof::probes
