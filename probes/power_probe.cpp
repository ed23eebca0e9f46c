#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "probes/gpu.hpp"
#include "probes/metrics.hpp"
#include "probes/nvml.hpp"
#include "probes/probe.hpp"
#include "probes/range_tree.hpp"

namespace ssmprof::probes {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::string_view kSource = "nvml";
constexpr int kThrottledPart = 5;  // at least one in so many samples
constexpr double kSeconds = 0.5;   // between two renewals of the energy counter
constexpr double kLongest =
    1.5;  // where they do not come: the counter is renewed every 20 to 100 ms
constexpr double kBetween = 0.005;  // so often it is looked at
constexpr std::size_t kRuns = 4;    // at least, where one takes longer

double since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Runs back to back under the driver's energy counter, from one of its renewals to another: what
/// it shows is old at any other time.
class PowerProbe : public Probe {
 public:
  std::string_view name() const override { return "power"; }
  std::string_view summary() const override {
    return "energy per run and token, power, SM clock, throttling (NVML)";
  }
  Phase phase() const override { return Phase::time; }

  Availability available(const workloads::ExecutionSpec& spec) const override {
    if (spec.device != kernels::Device::cuda) {
      return {false, "the run is on the CPU", "energy is read from a GPU: --device cuda"};
    }
    std::string reason;
    const auto gpu = find_gpu(spec.device_index, reason);
    if (!gpu) return {false, reason, "see ssmprof doctor"};
    const Nvml nvml(gpu->pci_bus_id);
    if (!nvml.loaded()) return {false, nvml.reason(), "install the NVIDIA driver's libraries"};
    if (!nvml.energy_millijoules()) {
      return {false, "this GPU has no energy counter", "Volta or newer, outside of a vGPU"};
    }
    return {};
  }

  void measure(workloads::Execution& execution, const ProbeOptions& options,
               reports::Workload& target) override {
    std::string reason;
    const auto gpu = find_gpu(execution.spec().device_index, reason);
    if (!gpu) return missing_metrics({false, reason, ""}, target);
    const Nvml nvml(gpu->pci_bus_id);
    execution.run(nullptr);
    execution.synchronize();

    std::vector<double> clocks;
    Throttling throttling;
    const auto sample = [&] {
      if (const auto clock = nvml.sm_clock()) clocks.push_back(*clock);
      ++throttling.samples;
      for (const auto& name : nvml.throttle_reasons()) ++throttling.seen[name];
    };
    run_for(execution, 0.2, options);  // the clocks settle under load
    const auto start = Clock::now();
    Reading now{nvml.energy_millijoules(), start, 0}, first = now, last = now;
    bool renewed = false;
    auto last_sample = start, last_look = start;
    // A run may take longer than all of that: two renewals are waited for.
    const auto wanted = [&] {
      return since(start) < kLongest || (last.runs == first.runs && now.runs < kRuns);
    };
    while (wanted() && !stop(options)) {
      execution.run(nullptr);
      execution.synchronize();
      ++now.runs;
      if (since(last_look) > kBetween) {
        last_look = now.at = Clock::now();
        const auto before = std::exchange(now.millijoules, nvml.energy_millijoules());
        if (now.millijoules != before) {
          if (!std::exchange(renewed, true)) first = now;
          last = now;
          if (seconds_between(first, last) >= kSeconds) break;
        }
      }
      if (since(last_sample) > 0.05) {
        sample();
        last_sample = Clock::now();
      }
    }
    if (now.runs == 0)
      return missing_metrics({false, "interrupted before the first run", ""}, target);
    if (clocks.empty()) sample();
    put_energy(execution.spec(), first, last, target);
    if (clocks.empty()) {
      put_missing(target.metrics, {"sm_clock"}, kSource, "the clock could not be read");
    } else {
      put(target.metrics, make_sampled("sm_clock", std::move(clocks), kSource));
    }
    report_throttling(throttling, target);
  }

  void missing_metrics(const Availability& why, reports::Workload& target) const override {
    put_missing(target.metrics, {"power", "energy", "energy_per_token", "sm_clock"}, kSource,
                why.reason);
  }

 private:
  /// The energy counter as it showed at a time, after so many runs.
  struct Reading {
    std::optional<double> millijoules;
    Clock::time_point at;
    std::size_t runs;
  };
  static double seconds_between(const Reading& a, const Reading& b) {
    return std::chrono::duration<double>(b.at - a.at).count();
  }

  static void put_energy(const workloads::ExecutionSpec& spec, const Reading& first,
                         const Reading& last, reports::Workload& target) {
    if (!first.millijoules || !last.millijoules || last.runs == first.runs) {
      put_missing(target.metrics, {"power", "energy", "energy_per_token"}, kSource,
                  "the energy counter was not renewed twice while the workload ran");
      return;
    }
    const double joules = (*last.millijoules - *first.millijoules) * 1e-3;
    const double each = joules / static_cast<double>(last.runs - first.runs);
    put(target.metrics, make_metric("power", joules / seconds_between(first, last), kSource));
    put(target.metrics, make_metric("energy", each, kSource));
    put(target.metrics, make_metric("energy_per_token", each / tokens_per_run(spec), kSource));
  }

  static bool stop(const ProbeOptions& options) {
    return options.interrupted != nullptr && options.interrupted();
  }

  static void run_for(workloads::Execution& execution, double seconds,
                      const ProbeOptions& options) {
    for (const auto start = Clock::now(); since(start) < seconds && !stop(options);) {
      execution.run(nullptr);
      execution.synchronize();
    }
  }

  /// In how many of the samples the driver gave each reason.
  struct Throttling {
    int samples = 0;
    std::map<std::string, int> seen;
  };

  /// A reason of the first samples alone is what came before.
  static void report_throttling(const Throttling& throttling, reports::Workload& target) {
    std::string names;
    for (const auto& [name, times] : throttling.seen) {
      if (times * kThrottledPart < throttling.samples) continue;
      names += (names.empty() ? "" : ", ") + name + " in " + std::to_string(times) + " of " +
               std::to_string(throttling.samples) + " samples";
    }
    if (names.empty()) return;
    add_diagnostic(target, "power.throttled", reports::Diagnostic::Level::warning,
                   "the clocks were held down while the workload ran: " + names,
                   "times of this run compare only with runs under the same limit");
  }
};

}  // namespace

std::unique_ptr<Probe> make_power_probe() {
  return std::make_unique<PowerProbe>();
}

}  // namespace ssmprof::probes
