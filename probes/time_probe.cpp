#include <memory>

#include "probes/interleaved.hpp"
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
    const bool decode =
        target.settings.is_object() && target.settings.value("mode", "") == "decode";
    put_missing_times(!decode, why.reason, target);
  }
};

}  // namespace

std::unique_ptr<Probe> make_time_probe() {
  return std::make_unique<TimeProbe>();
}

}  // namespace ssmprof::probes
