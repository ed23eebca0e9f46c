#include <memory>

#include "probes/metrics.hpp"
#include "probes/probe.hpp"

namespace ssmprof::probes {

namespace {

constexpr std::string_view kSource = "allocator";

/// One run under the allocator's books.
class MemoryProbe : public Probe {
 public:
  std::string_view name() const override { return "memory"; }
  std::string_view summary() const override {
    return "bytes of weights, state and activations (peak and cumulative)";
  }
  Phase phase() const override { return Phase::verify; }
  Availability available(const workloads::ExecutionSpec&) const override { return {}; }

  void measure(workloads::Execution& execution, const ProbeOptions&,
               reports::Workload& target) override {
    const auto use = execution.measure_memory();
    const auto add = [&](std::string_view id, std::uint64_t bytes) {
      put(target.metrics, make_metric(id, static_cast<double>(bytes), kSource));
    };
    add("memory_weights", use.weights);
    add("memory_state", use.state);
    add("memory_activations_peak", use.activations_peak);
    add("memory_allocated", use.allocated_cumulative);
  }

  void missing_metrics(const Availability& why, reports::Workload& target) const override {
    put_missing(target.metrics,
                {"memory_weights", "memory_state", "memory_activations_peak", "memory_allocated"},
                kSource, why.reason);
  }
};

}  // namespace

std::unique_ptr<Probe> make_memory_probe() {
  return std::make_unique<MemoryProbe>();
}

}  // namespace ssmprof::probes
