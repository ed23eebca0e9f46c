#include "probes/metrics.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "reports/definitions.hpp"
#include "reports/statistics.hpp"

namespace ssmprof::probes {

namespace {

reports::MetricClass class_of(const std::string& name) {
  if (name == "deterministic") return reports::MetricClass::deterministic;
  if (name == "semi_deterministic") return reports::MetricClass::semi_deterministic;
  if (name == "stochastic") return reports::MetricClass::stochastic;
  throw std::out_of_range("unknown metric class " + name);
}

reports::Metric blank(std::string_view id, std::string_view source) {
  static const nlohmann::json definitions = reports::metric_definitions();
  const auto found = definitions.find(std::string(id));
  if (found == definitions.end()) throw std::out_of_range("undefined metric " + std::string(id));
  reports::Metric metric;
  metric.id = id;
  metric.unit = found->at("unit").get<std::string>();
  metric.cls = class_of(found->at("class").get<std::string>());
  metric.source = source;
  return metric;
}

}  // namespace

reports::Metric make_metric(std::string_view id, double value, std::string_view source) {
  auto metric = blank(id, source);
  metric.value = value;
  return metric;
}

reports::Metric make_sampled(std::string_view id, std::vector<double> samples,
                             std::string_view source) {
  auto metric = blank(id, source);
  if (samples.empty()) {
    metric.reason = "no sample was taken";
    return metric;
  }
  metric.value = reports::median(samples);
  metric.interval = reports::median_interval(samples).interval;
  metric.samples = std::move(samples);
  return metric;
}

reports::Metric make_missing(std::string_view id, std::string_view source,
                             const std::string& reason) {
  auto metric = blank(id, source);
  metric.reason = reason;
  return metric;
}

void put(std::vector<reports::Metric>& metrics, reports::Metric metric) {
  const auto same = std::find_if(metrics.begin(), metrics.end(),
                                 [&](const auto& other) { return other.id == metric.id; });
  if (same == metrics.end()) {
    metrics.push_back(std::move(metric));
  } else {
    *same = std::move(metric);
  }
}

void put_missing(std::vector<reports::Metric>& metrics, std::initializer_list<std::string_view> ids,
                 std::string_view source, const std::string& reason) {
  for (const auto id : ids) put(metrics, make_missing(id, source, reason));
}

void add_diagnostic(reports::Workload& target, std::string_view rule,
                    reports::Diagnostic::Level level, std::string message, std::string hint) {
  target.diagnostics.push_back({std::string(rule), level, std::move(message), std::move(hint)});
}

}  // namespace ssmprof::probes
