#include <chrono>
#include <map>
#include <memory>

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
constexpr double kSeconds = 1.0;   // the counter is renewed every 20 to 100 ms: within 10 %

double since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Runs back to back for a second under the driver's energy counter.
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
    const auto before = nvml.energy_millijoules();
    std::size_t runs = 0;
    auto last_sample = start;
    while (since(start) < kSeconds && !stop(options)) {
      execution.run(nullptr);
      execution.synchronize();
      ++runs;
      if (since(last_sample) > 0.05) {
        sample();
        last_sample = Clock::now();
      }
    }
    const double seconds = since(start);
    const auto after = nvml.energy_millijoules();
    if (runs == 0) return missing_metrics({false, "interrupted before the first run", ""}, target);
    if (clocks.empty()) sample();

    if (before && after && *after >= *before) {
      const double joules = static_cast<double>(*after - *before) * 1e-3;
      const double each = joules / static_cast<double>(runs);
      put(target.metrics, make_metric("power", joules / seconds, kSource));
      put(target.metrics, make_metric("energy", each, kSource));
      put(target.metrics,
          make_metric("energy_per_token", each / tokens_per_run(execution.spec()), kSource));
    } else {
      put_missing(target.metrics, {"power", "energy", "energy_per_token"}, kSource,
                  "the energy counter could not be read");
    }
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
