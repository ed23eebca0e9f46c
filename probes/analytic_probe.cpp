#include <memory>

#include "probes/metrics.hpp"
#include "probes/probe.hpp"
#include "probes/range_tree.hpp"

namespace ssmprof::probes {

namespace {

constexpr std::string_view kSource = "formula";

void put_cost(std::vector<reports::Metric>& metrics, const kernels::Cost& cost) {
  put(metrics, make_metric("flops", static_cast<double>(cost.flops), kSource));
  put(metrics, make_metric("transcendentals", static_cast<double>(cost.transcendentals), kSource));
  put(metrics, make_metric("bytes_min", static_cast<double>(cost.bytes()), kSource));
  put(metrics, make_metric("bytes_read_min", static_cast<double>(cost.bytes_read), kSource));
  put(metrics, make_metric("bytes_written_min", static_cast<double>(cost.bytes_written), kSource));
}

/// The costs that every range states by formula; nothing is executed.
class AnalyticProbe : public Probe {
 public:
  std::string_view name() const override { return "analytic"; }
  std::string_view summary() const override {
    return "FLOPs, transcendentals and least bytes by formula";
  }
  Phase phase() const override { return Phase::verify; }
  Availability available(const workloads::ExecutionSpec&) const override { return {}; }

  void measure(workloads::Execution& execution, const ProbeOptions&,
               reports::Workload& target) override {
    const auto& specs = execution.ranges();
    const auto costs = sum_over_leaves<kernels::Cost>(
        specs, [](const workloads::RangeSpec& leaf, std::size_t) { return leaf.cost; });
    for (std::size_t i = 0; i < specs.size(); ++i) put_cost(target.ranges[i].metrics, costs[i]);
    const auto whole = total_cost(specs);
    put_cost(target.metrics, whole);
    if (whole.bytes() > 0) {
      put(target.metrics,
          make_metric("intensity",
                      static_cast<double>(whole.flops) / static_cast<double>(whole.bytes()),
                      kSource));
    }
  }

  void missing_metrics(const Availability& why, reports::Workload& target) const override {
    put_missing(target.metrics,
                {"flops", "transcendentals", "bytes_min", "bytes_read_min", "bytes_written_min",
                 "intensity"},
                kSource, why.reason);
  }
};

}  // namespace

std::unique_ptr<Probe> make_analytic_probe() {
  return std::make_unique<AnalyticProbe>();
}

}  // namespace ssmprof::probes
