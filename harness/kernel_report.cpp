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

/// A rate, or null where nobody measured it.
nlohmann::json known(double rate) {
  return rate > 0 ? nlohmann::json(rate) : nlohmann::json(nullptr);
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
                       {"timing", m.timing},
                       {"launches_per_sample", m.launches},
                       {"input_sets", m.sets},
                       {"error_sample", m.sample},
                       {"floor_formula", m.floor.formula},
                       {"copy_bytes_per_second", known(rates.copy_bytes_per_second)},
                       {"gemm_flops_per_second", known(rates.gemm_flops_per_second)},
                       {"clock_hz", known(m.clock_hz)}};
  if (!m.timing_note.empty()) workload.settings["timing_note"] = m.timing_note;
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
  // What needs a rate of the device that is unknown here (the clock of a CPU) is missing.
  const auto against = [&](const char* id, const char* unit, double value, const char* rate) {
    workload.metrics.push_back(metric(id, unit, MetricClass::stochastic, "derived from time", value,
                                      !why.empty() ? why
                                      : value > 0
                                          ? ""
                                          : std::string("the device's ") + rate + " is not known"));
  };
  against("transcendentals_share", "1", m.mufu_share, "rate of special functions");
  against("issue_share_min", "1", m.issue_share, "issue rate");
  against("cycles", "1", m.cycles, "clock");
  against("time_floor", "s", m.floor.seconds, "copy rate");
  against("floor_share", "1", m.percent_of_floor / 100, "copy rate");
  workload.metrics.push_back(metric("error", "1", MetricClass::semi_deterministic, "fp64 reference",
                                    m.error, std::isfinite(m.error) ? "" : why));
  if (!why.empty()) {
    workload.diagnostics.push_back(
        {"kernel.failed", reports::Diagnostic::Level::error, m.kernel + ": " + why, ""});
  }
  return workload;
}

}  // namespace ssmprof::harness
