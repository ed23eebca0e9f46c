#include <memory>

#include "probes/interleaved.hpp"
#include "probes/metrics.hpp"
#include "probes/probe.hpp"

namespace ssmprof::probes {

namespace {

/// Times the forward alone, its ranges and the way to the next token.
class TimeProbe : public Probe {
 public:
  std::string_view name() const override { return "time"; }
  std::string_view summary() const override {
    return "time of the forward, of every range and to the token: clock (CPU) or events (CUDA)";
  }
  Phase phase() const override { return Phase::time; }

  Availability available(const workloads::ExecutionSpec& spec) const override {
#if !SSMPROF_HAS_CUDA
    if (spec.device == kernels::Device::cuda) {
      return {false, "built without CUDA", "configure with -DSSMPROF_CUDA=ON"};
    }
#endif
    (void)spec;
    return {};
  }

  void measure(workloads::Execution& execution, const ProbeOptions& options,
               reports::Workload& target) override {
    measure_interleaved({&execution}, options, {&target});
  }

  void missing_metrics(const Availability& why, reports::Workload& target) const override {
    put_missing(target.metrics,
                {"time", "time_other", "tokens_per_second", "flops_per_second", "bytes_per_second"},
                "clock", why.reason);
    for (auto& range : target.ranges) put_missing(range.metrics, {"time"}, "clock", why.reason);
  }
};

}  // namespace

std::unique_ptr<Probe> make_time_probe() {
  return std::make_unique<TimeProbe>();
}

}  // namespace ssmprof::probes
