#include <algorithm>
#include <cmath>
#include <cstdio>
#include <memory>

#include "probes/counting.hpp"
#include "probes/lap.hpp"
#include "probes/metrics.hpp"
#include "probes/nvml.hpp"
#include "probes/probe.hpp"
#include "probes/range_tree.hpp"
#include "reports/error.hpp"
#include "reports/units.hpp"
#if SSMPROF_HAS_CUDA
#include "probes/cupti/range_counters.hpp"
#include "probes/gpu.hpp"
#endif

namespace ssmprof::probes {

namespace {

using Level = reports::Diagnostic::Level;

constexpr std::string_view kSource = "cupti.counters";

double launches_of(const std::vector<reports::Metric>& metrics) {
  const auto* launches = find_metric(metrics, "launches");
  return launches != nullptr && launches->value ? *launches->value : -1;
}

/// The activity probe found every kernel in a leaf: what it says of empty leaves can be trusted.
bool activity_complete(const reports::Workload& target) {
  double leaves = 0;
  for (const auto& range : target.ranges) {
    if (!range.component.empty()) leaves += launches_of(range.metrics);
  }
  return leaves > 0 && leaves == launches_of(target.metrics);
}

/// Nothing was launched in this range.
bool known_empty(const reports::Range& range, bool complete) {
  return complete && launches_of(range.metrics) == 0 && range.kernels.empty();
}

reports::Metric filled(const ResolvedMetric& metric, double value, std::size_t passes) {
  auto result = metric.blank;
  result.value = value;
  result.passes = static_cast<int>(passes);
  return result;
}

reports::Metric absent(const ResolvedMetric& metric, const std::string& reason) {
  auto result = metric.blank;
  result.reason = reason;
  return result;
}

/// Puts one metric on all ranges and on the whole, and checks their sum.
void put_counted(const ResolvedMetric& metric, const Counted& counted,
                 const std::vector<workloads::RangeSpec>& specs, double l2_bytes,
                 reports::Workload& target) {
  const auto empty_reason =
      counted.problems.empty() ? std::string("the range did not run") : counted.problems.front();
  const bool trusted = activity_complete(target);
  const auto sums =
      sum_over_leaves<double>(specs, [&](const workloads::RangeSpec&, std::size_t i) -> double {
        return counted.ranges[i].empty() ? 0 : ResolvedSets::evaluate(metric, counted.ranges[i]);
      });
  const auto missing =  // leaves
      sum_over_leaves<int>(specs, [&](const workloads::RangeSpec&, std::size_t i) {
        return counted.ranges[i].empty() && !known_empty(target.ranges[i], trusted) ? 1 : 0;
      });
  double leaves = 0;
  bool complete = true;
  for (std::size_t i = 0; i < specs.size(); ++i) {
    auto& metrics = target.ranges[i].metrics;
    if (metric.of_the_whole) continue;
    if (missing[i] > 0) {
      complete = false;
      if (specs[i].leaf || reports::is_additive(metric.blank))
        put(metrics, absent(metric, empty_reason));
    } else if (specs[i].leaf || reports::is_additive(metric.blank)) {
      if (!reports::is_additive(metric.blank) && counted.ranges[i].empty()) {
        put(metrics, absent(metric, "nothing was launched in the range"));
      } else {
        auto value = filled(metric, sums[i], counted.range_passes);
        value.hw_metric.clear();  // the workload's metric names it once
        put(metrics, std::move(value));
      }
      if (specs[i].leaf) leaves += sums[i];
    }
  }
  if (counted.whole.empty()) {
    put(target.metrics, absent(metric, empty_reason));
    return;
  }
  const double whole = ResolvedSets::evaluate(metric, counted.whole);
  put(target.metrics, filled(metric, whole, counted.passes));
  if (!complete || !reports::is_additive(metric.blank) || whole == 0) return;
  const bool traffic = metric.blank.unit == "B";
  const double difference = leaves / whole - 1;
  char text[240];
  if (traffic && std::max(leaves, whole) < l2_bytes) {
    std::snprintf(text, sizeof text,
                  "%s: the ranges sum to %.3g B and one range around the forward to %.3g B: less "
                  "than the L2 holds, so what each run finds there differs",
                  metric.blank.id.c_str(), leaves, whole);
    add_diagnostic(target, "counters.sum", Level::info, text);
    return;
  }
  std::snprintf(text, sizeof text, "%s: the ranges sum to %+.2f %% of one range around the forward",
                metric.blank.id.c_str(), 100 * difference);
  add_diagnostic(target, "counters.sum",
                 std::abs(difference) > (traffic ? 0.03 : 0.01) ? Level::warning : Level::info,
                 text);
}

/// Hardware counters of every range, by replay.
class CountersProbe : public Probe {
 public:
  std::string_view name() const override { return "counters"; }
  std::string_view summary() const override {
    return "hardware counters per range: DRAM and L2 bytes, operations issued (CUPTI)";
  }
  Phase phase() const override { return Phase::counters; }

  Availability available(const workloads::ExecutionSpec& spec) const override {
    if (spec.device != kernels::Device::cuda) {
      return {false, "the run is on the CPU", "counters are read on a GPU: --device cuda"};
    }
#if SSMPROF_HAS_CUDA
    return cupti::counters_available(spec.device_index);
#else
    return {false, "built without CUDA", "configure with -DSSMPROF_CUDA=ON"};
#endif
  }

  void measure(workloads::Execution& execution, const ProbeOptions& options,
               reports::Workload& target) override {
#if SSMPROF_HAS_CUDA
    try {
      count(execution, options, target);
    } catch (const reports::EnvironmentError& error) {
      missing_metrics({false, error.what(), ""}, target);
      add_diagnostic(target, "probe.unavailable", Level::warning,
                     std::string("counters: ") + error.what());
    }
#else
    (void)execution;
    (void)options;
    missing_metrics({false, "built without CUDA", ""}, target);
#endif
  }

  /// Every metric of the default sets, so that a reader of the report meets each with its reason.
  void missing_metrics(const Availability& why, reports::Workload& target) const override {
    for (const auto& set : load_metric_sets(ProbeOptions{}.metric_sets, "bf16")) {
      for (const auto& [id, formula] : set.metrics) {
        const auto own = set.defined_here.find(id);
        auto missing = own != set.defined_here.end() ? own->second : make_missing(id, kSource, "");
        missing.reason = why.reason;
        put(target.metrics, missing);
        const bool of_ranges = std::find(set.of_the_whole.begin(), set.of_the_whole.end(), id) ==
                               set.of_the_whole.end();
        for (auto& range : target.ranges) {
          if (of_ranges && !range.component.empty()) put(range.metrics, missing);
        }
      }
    }
  }

 private:
#if SSMPROF_HAS_CUDA
  void count(workloads::Execution& execution, const ProbeOptions& options,
             reports::Workload& target) {
    const auto& spec = execution.spec();
    const auto& specs = execution.ranges();
    Lap lap;
    const auto device = open(spec.device_index);
    const double opening = lap();
    auto resolved = resolve(load_metric_sets(options.metric_sets, name_of(spec.dtype)),
                            device->chip(), [&](const auto& m) { return device->knows(m); });
    if (resolved.hardware.empty()) {
      for (const auto& metric : resolved.metrics)
        put(target.metrics, absent(metric, metric.reason));
      return;
    }
    refuse_shared_memory_system(spec.device_index, resolved);
    const bool trusted = activity_complete(target);
    std::vector<int> leaves;
    for (std::size_t i = 0; i < specs.size(); ++i) {
      if (specs[i].leaf && !known_empty(target.ranges[i], trusted))
        leaves.push_back(static_cast<int>(i));
    }
    const double l2 = l2_bytes(spec.device_index);
    const auto counted = count_ranges(execution, leaves, resolved.hardware, resolved.in_ranges(),
                                      first_in_each_pass(specs, l2), *device, options.interrupted);
    for (const auto& metric : resolved.metrics) {
      if (metric.reason.empty()) {
        put_counted(metric, counted, specs, l2, target);
        continue;
      }
      put(target.metrics, absent(metric, metric.reason));
      for (std::size_t i = 0; i < specs.size(); ++i) {
        if (specs[i].leaf && !metric.of_the_whole)
          put(target.ranges[i].metrics, absent(metric, metric.reason));
      }
    }
    for (const auto& problem : counted.problems) {
      add_diagnostic(target, "counters.problem", Level::warning, problem);
    }
    report_effort(resolved, counted, *device, opening, target);
  }

  static void report_effort(const ResolvedSets& resolved, const Counted& counted,
                            const CounterDevice& device, double opening,
                            reports::Workload& target) {
    const auto took = [](const char* what, double seconds) {
      return ", " + std::string(what) + ' ' + reports::human(seconds, "s", false);
    };
    add_diagnostic(target, "counters.passes", Level::info,
                   std::to_string(resolved.hardware.size()) + " hardware metrics of " +
                       device.chip() + " in " + std::to_string(counted.passes) +
                       " passes over the whole, " + std::to_string(counted.range_hardware) +
                       " in " + std::to_string(counted.range_passes) + " over the ranges; " +
                       std::to_string(counted.sessions) + " sessions, " +
                       std::to_string(counted.runs) + " runs; took" +
                       took("device", opening).substr(1) + took("sessions", counted.opening) +
                       took("runs", counted.running) + took("decoding", counted.decoding));
  }

  /// One device for all workloads: opening it takes long.
  CounterDevice* open(int device_index) {
    if (!device_ || device_index != device_index_) {
      device_ = nullptr;
      device_ = cupti::open_counter_device(device_index);
      device_index_ = device_index;
    }
    return device_.get();
  }

  /// What a run leaves in the L2 is lost in what it writes when that is a hundred times as much.
  static Before first_in_each_pass(const std::vector<workloads::RangeSpec>& specs, double l2) {
    const auto written = static_cast<double>(total_cost(specs).bytes_written);
    return written < 100 * l2 ? Before::uncounted_run : Before::nothing;
  }

  static double l2_bytes(int device_index) {
    std::string reason;
    const auto gpu = find_gpu(device_index, reason);
    return gpu ? static_cast<double>(gpu->l2) : 0;
  }

  /// With MIG on, DRAM and L2 are shared with other instances: no claim about their traffic.
  static void refuse_shared_memory_system(int device_index, ResolvedSets& resolved) {
    std::string reason;
    const auto gpu = find_gpu(device_index, reason);
    if (!gpu || !Nvml(gpu->pci_bus_id).mig().value_or(false)) return;
    for (auto& metric : resolved.metrics) {
      const auto& id = metric.blank.id;
      if (id == "dram_read" || id == "dram_write" || id == "l2_bytes") {
        metric.reason = "MIG is on: DRAM and L2 are shared with other instances";
      }
    }
  }

  std::unique_ptr<CounterDevice> device_;
  int device_index_ = -1;
#endif
};

}  // namespace

std::unique_ptr<Probe> make_counters_probe() {
  return std::make_unique<CountersProbe>();
}

}  // namespace ssmprof::probes
