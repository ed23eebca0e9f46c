#include <memory>

#include "probes/metrics.hpp"
#include "probes/probe.hpp"
#include "probes/run_timer.hpp"
#include "workloads/forwarding_execution.hpp"

namespace ssmprof::probes {

namespace {

constexpr std::string_view kSource = "cuda_event";

/// An execution whose run is one launch of the captured graph.
class GraphReplay : public workloads::ForwardingExecution {
 public:
  using ForwardingExecution::ForwardingExecution;
  void run(workloads::RangeObserver*) override { replay_graph(); }
};

/// The whole step as one CUDA graph, beside the eager time that the time probe measures.
class GraphProbe : public Probe {
 public:
  std::string_view name() const override { return "graph"; }
  std::string_view summary() const override {
    return "time of the step replayed as one CUDA graph (--graph)";
  }
  Phase phase() const override { return Phase::time; }

  Availability available(const workloads::ExecutionSpec& spec) const override {
    if (spec.device == kernels::Device::cuda) return {};
    return {false, "CUDA graphs need a CUDA device", "run on a GPU: --device cuda"};
  }

  void measure(workloads::Execution& execution, const ProbeOptions& options,
               reports::Workload& target) override {
    execution.capture_graph();
    GraphReplay replay(execution);
    const auto timer = make_run_timer(replay);
    std::vector<double> samples;
    double spent = 0;
    for (double warm = 0; warm < options.warmup_seconds;) warm += timer->run_plain();
    while (static_cast<int>(samples.size()) < options.max_samples &&
           (static_cast<int>(samples.size()) < options.min_samples ||
            spent < options.max_seconds / 4)) {
      if (options.interrupted != nullptr && options.interrupted()) break;
      samples.push_back(timer->run_plain());
      spent += samples.back();
    }
    if (samples.empty()) {
      missing_metrics({false, "interrupted", ""}, target);
      return;
    }
    put(target.metrics, make_sampled("time_graph", std::move(samples), kSource));
  }

  void missing_metrics(const Availability& why, reports::Workload& target) const override {
    put_missing(target.metrics, {"time_graph"}, kSource, why.reason);
  }
};

}  // namespace

std::unique_ptr<Probe> make_graph_probe() {
  return std::make_unique<GraphProbe>();
}

}  // namespace ssmprof::probes
