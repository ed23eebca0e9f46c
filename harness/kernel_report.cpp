#include "harness/kernel_report.hpp"

#include <cmath>

namespace ssmprof::harness {
namespace {

using reports::Metric;
using reports::MetricClass;

Metric metric(const char* id, const char* unit, MetricClass cls, const char* source, double value,
              const std::string& reason) {
  Metric m = reports::missing(id, unit, cls, source, reason);
  if (!std::isfinite(value)) {
    if (m.reason.empty()) m.reason = "not measured";
  } else if (reason.empty()) {
    m.value = value;
  }
  return m;
}

}  // namespace

std::string kernel_workload_id(const kernels::bench::Measurement& m) {
  std::string id = "kernel/" + m.kernel + "/" + m.implementation + "/" +
                   std::string(kernels::name_of(m.shape.dtype)) + "/";
  bool first = true;
  for (const auto& [name, value] : m.shape.sizes) {
    if (value == 0) continue;
    id += (first ? "" : "-") + name + std::to_string(value);
    first = false;
  }
  return id;
}

reports::Workload kernel_workload(const kernels::bench::Measurement& m,
                                  const kernels::bench::Rates& rates) {
  reports::Workload workload;
  workload.id = kernel_workload_id(m);
  workload.settings = {{"kernel", m.kernel},
                       {"implementation", m.implementation},
                       {"dtype", kernels::name_of(m.shape.dtype)},
                       {"device", rates.device},
                       {"launches_per_sample", m.launches},
                       {"input_sets", m.sets},
                       {"error_sample", m.sample},
                       {"floor_formula", m.floor.formula},
                       {"copy_bytes_per_second", rates.copy_bytes_per_second},
                       {"gemm_flops_per_second", rates.gemm_flops_per_second},
                       {"clock_hz", rates.clock_hz}};
  for (const auto& [name, value] : m.shape.sizes) workload.settings[name] = value;

  const std::string& why = m.error_message;
  const auto exact = [&](const char* id, const char* unit, std::uint64_t value) {
    workload.metrics.push_back(
        metric(id, unit, MetricClass::deterministic, "formula", static_cast<double>(value), ""));
  };
  const auto timed = [&](const char* id, const char* unit, const char* source, double value) {
    workload.metrics.push_back(metric(id, unit, MetricClass::stochastic, source, value, why));
  };
  timed("time", "s", "cuda_event", m.median);
  if (why.empty()) {
    workload.metrics.back().samples = m.seconds;
    workload.metrics.back().interval = reports::Interval{m.low, m.high, 0.95};
  }
  exact("flops", "FLOP", m.cost.flops);
  exact("transcendentals", "1", m.cost.transcendentals);
  exact("bytes_min", "B", m.cost.bytes());
  timed("flops_per_second", "FLOP/s", "derived from time", m.flops_per_second);
  timed("bytes_per_second", "B/s", "derived from time", m.bytes_per_second);
  timed("transcendentals_per_second", "1/s", "derived from time", m.mufu_per_second);
  timed("cycles", "1", "derived from time", m.cycles);
  timed("time_floor", "s", "formula", m.floor.seconds);
  timed("floor_share", "1", "derived from time", m.percent_of_floor / 100);
  workload.metrics.push_back(metric("error", "1", MetricClass::semi_deterministic, "fp64 reference",
                                    m.error, std::isfinite(m.error) ? "" : why));
  if (!why.empty()) {
    workload.diagnostics.push_back(
        {"kernel.failed", reports::Diagnostic::Level::error, m.kernel + ": " + why, ""});
  }
  return workload;
}

}  // namespace ssmprof::harness
