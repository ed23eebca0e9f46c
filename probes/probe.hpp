#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "reports/report.hpp"
#include "workloads/execution.hpp"

namespace ssmprof::probes {

/// Phases run one after the other and never mix: a time is never taken while tracing or counting.
enum class Phase { verify, time, activity, counters };

/// Options that the command line gives to every probe.
struct ProbeOptions {
  double warmup_seconds = 0.5;
  int min_samples = 10, max_samples = 1000;
  double max_seconds = 10.0;       ///< per workload, after the warm-up
  double enough_seconds = 1.0;     ///< from then on min_samples suffice
  double target_interval = 0.005;  ///< stop when the interval's half-width / median is below
  std::vector<std::string> metric_sets = {"traffic", "flops", "transcendental",
                                          "peaks"};  ///< of the counters
  bool (*interrupted)() = nullptr;                   ///< polled between executions; may be null
  std::function<void(double)>
      progress;  ///< told how much is done, 0..1, now and then; may be empty
};

/// Whether a probe can measure here, and if not, why and what to do.
struct Availability {
  bool ok = true;
  std::string reason, hint;
};

/// One way of measuring. A probe drives the execution as often as it needs and adds metrics to
/// the workload's ranges and to the workload itself. `target.ranges` is already laid out, index
/// for index as Execution::ranges(). A probe that cannot measure is asked for `missing_metrics`
/// instead, so that every absent number carries its reason.
class Probe {
 public:
  virtual ~Probe() = default;
  virtual std::string_view name() const = 0;
  virtual std::string_view summary() const = 0;  ///< one line for `ssmprof list`
  virtual Phase phase() const = 0;
  virtual Availability available(const workloads::ExecutionSpec& spec) const = 0;

  /// An observer to be attached to every execution of every phase (annotation), or null.
  virtual workloads::RangeObserver* ambient(const std::vector<workloads::RangeSpec>&) {
    return nullptr;
  }
  virtual void measure(workloads::Execution& execution, const ProbeOptions& options,
                       reports::Workload& target) = 0;
  virtual void missing_metrics(const Availability& why, reports::Workload& target) const = 0;
};

/// All probes, in the order of their files' names (registry.hpp orders them). Generated from the
/// files probes/*_probe.cpp: a file NAME_probe.cpp defines `std::unique_ptr<Probe>
/// make_NAME_probe()`.
std::vector<std::unique_ptr<Probe>> make_probes();

}  // namespace ssmprof::probes
