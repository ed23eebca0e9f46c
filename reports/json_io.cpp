#include "reports/json_io.hpp"

#include <cmath>

#include "reports/error.hpp"
#include "reports/json_text.hpp"

namespace ssmprof::reports {
namespace {

using Json = nlohmann::ordered_json;

/// A free-form value with every number that JSON cannot say made null.
Json clean(const nlohmann::json& value) {
  if (value.is_number_float()) return json_number(value.get<double>());
  if (value.is_object()) {
    Json object = Json::object();
    for (const auto& [key, item] : value.items()) object[key] = clean(item);
    return object;
  }
  if (value.is_array()) {
    Json array = Json::array();
    for (const auto& item : value) array.push_back(clean(item));
    return array;
  }
  return Json(value);
}

Json object_or_empty(const nlohmann::json& value) {
  return value.is_null() ? Json::object() : clean(value);
}

Json optional_number(const std::optional<double>& value) {
  return value ? json_number(*value) : Json(nullptr);
}

bool finite(const Interval& i) {
  return std::isfinite(i.low) && std::isfinite(i.high) && std::isfinite(i.level);
}

Json interval_json(const Interval& i) {
  return Json{
      {"low", json_number(i.low)}, {"high", json_number(i.high)}, {"level", json_number(i.level)}};
}

/// Why the metric's numbers cannot be written, or nothing.
std::string not_finite(const Metric& metric) {
  if (metric.value && !std::isfinite(*metric.value)) return "the value is not a finite number";
  for (std::size_t i = 0; i < metric.samples.size(); ++i) {
    if (!std::isfinite(metric.samples[i])) {
      return "sample " + std::to_string(i) + " is not a finite number";
    }
  }
  if (metric.interval && !finite(*metric.interval)) return "the interval is not finite";
  return "";
}

Json metric_json(const Metric& metric) {
  const std::string fault = not_finite(metric);
  const bool has_value = metric.value && fault.empty();
  Json j;
  j["value"] = has_value ? json_number(*metric.value) : Json(nullptr);
  j["unit"] = metric.unit;
  j["class"] = name_of(metric.cls);
  j["source"] = metric.source;
  if (metric.interval && has_value) j["interval"] = interval_json(*metric.interval);
  if (!metric.samples.empty() && fault.empty()) {
    j["samples"] = Json::array();
    for (double s : metric.samples) j["samples"].push_back(json_number(s));
  }
  if (!metric.hw_metric.empty()) j["hw_metric"] = metric.hw_metric;
  if (metric.passes != 0) j["passes"] = metric.passes;
  std::string reason = !fault.empty() ? fault : metric.reason;
  if (!has_value && reason.empty()) reason = "not measured";
  if (!reason.empty()) j["reason"] = reason;
  return j;
}

Json metrics_json(const std::vector<Metric>& metrics) {
  Json j = Json::object();
  for (const auto& m : metrics) j[m.id] = metric_json(m);
  return j;
}

Json kernel_json(const KernelRecord& k) {
  return Json{{"name", k.name},
              {"grid", k.grid},
              {"block", k.block},
              {"registers", k.registers},
              {"shared_bytes", k.shared_bytes},
              {"occupancy", json_number(k.occupancy)},
              {"launches", k.launches},
              {"time", json_number(k.time)}};
}

Json range_json(const Range& r) {
  Json j{{"id", r.id},       {"parent", r.parent},     {"component", r.component},
         {"layer", r.layer}, {"includes", r.includes}, {"shape", r.shape}};
  j["metrics"] = metrics_json(r.metrics);
  if (!r.kernels.empty()) {
    j["kernels"] = Json::array();
    for (const auto& k : r.kernels) j["kernels"].push_back(kernel_json(k));
  }
  return j;
}

Json attribution_json(const Attribution& a) {
  Json j{{"name", a.name}, {"rows", Json::array()}};
  for (const auto& row : a.rows) {
    j["rows"].push_back(Json{{"name", row.name},
                             {"components", row.components},
                             {"metrics", metrics_json(row.metrics)}});
  }
  return j;
}

Json diagnostics_json(const std::vector<Diagnostic>& diagnostics) {
  Json j = Json::array();
  for (const auto& d : diagnostics) {
    j.push_back(Json{{"rule", d.rule}, {"level", name_of(d.level)}, {"message", d.message}});
    if (!d.hint.empty()) j.back()["hint"] = d.hint;
  }
  return j;
}

Json workload_json(const Workload& w) {
  Json j{{"id", w.id}, {"settings", object_or_empty(w.settings)}};
  j["metrics"] = metrics_json(w.metrics);
  j["ranges"] = Json::array();
  for (const auto& r : w.ranges) j["ranges"].push_back(range_json(r));
  j["attributions"] = Json::array();
  for (const auto& a : w.attributions) j["attributions"].push_back(attribution_json(a));
  j["roofline"] = clean(w.roofline);
  j["diagnostics"] = diagnostics_json(w.diagnostics);
  return j;
}

Json entry_json(const ComparisonEntry& e) {
  Json j{{"workload", e.workload}, {"range", e.range},        {"metric", e.metric},
         {"unit", e.unit},         {"class", name_of(e.cls)}, {"verdict", name_of(e.verdict)}};
  j["baseline"] = optional_number(e.baseline);
  j["candidate"] = optional_number(e.candidate);
  j["ratio"] = optional_number(e.ratio);
  j["interval"] = e.interval && finite(*e.interval) ? interval_json(*e.interval) : Json(nullptr);
  j["floor_ratio"] = optional_number(e.floor_ratio);
  std::string reason = e.reason;
  if (reason.empty()) {
    for (const auto& number : {e.baseline, e.candidate, e.ratio, e.floor_ratio}) {
      if (number && !std::isfinite(*number)) reason = "a number is not finite";
    }
  }
  if (!reason.empty()) j["reason"] = reason;
  return j;
}

Json comparison_json(const Comparison& c) {
  Json j{
      {"name", c.name}, {"settings", object_or_empty(c.settings)}, {"verdict", name_of(c.verdict)}};
  j["entries"] = Json::array();
  for (const auto& e : c.entries) j["entries"].push_back(entry_json(e));
  return j;
}

Json report_json(const Report& report) {
  Json j{{"schema_version", kSchemaVersion},
         {"kind", name_of(report.kind)},
         {"partial", report.partial},
         {"tool", object_or_empty(report.tool)},
         {"invocation", object_or_empty(report.invocation)},
         {"environment", object_or_empty(report.environment)}};
  j["workloads"] = Json::array();
  for (const auto& w : report.workloads) j["workloads"].push_back(workload_json(w));
  j["comparisons"] = Json::array();
  for (const auto& c : report.comparisons) j["comparisons"].push_back(comparison_json(c));
  j["diagnostics"] = diagnostics_json(report.diagnostics);
  j["definitions"] = object_or_empty(report.definitions);
  return j;
}

}  // namespace

const char* name_of(MetricClass cls) {
  switch (cls) {
    case MetricClass::deterministic:
      return "deterministic";
    case MetricClass::semi_deterministic:
      return "semi_deterministic";
    case MetricClass::stochastic:
      return "stochastic";
  }
  return "";
}

const char* name_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::improved:
      return "improved";
    case Verdict::same:
      return "same";
    case Verdict::regressed:
      return "regressed";
    case Verdict::ambiguous:
      return "ambiguous";
    case Verdict::added:
      return "added";
    case Verdict::missing:
      return "missing";
    case Verdict::incomparable:
      return "incomparable";
  }
  return "";
}

const char* name_of(Report::Kind kind) {
  return kind == Report::Kind::run ? "run" : "comparison";
}

const char* name_of(Diagnostic::Level level) {
  switch (level) {
    case Diagnostic::Level::info:
      return "info";
    case Diagnostic::Level::warning:
      return "warning";
    case Diagnostic::Level::error:
      return "error";
  }
  return "";
}

nlohmann::ordered_json json_number(double value) {
  if (!std::isfinite(value)) return nullptr;
  if (std::abs(value) < 9007199254740992.0 && value == std::floor(value)) {
    return static_cast<std::int64_t>(value);
  }
  return value;
}

nlohmann::json to_json(const Report& report) {
  return nlohmann::json(report_json(report));
}

std::string dump(const Report& report) {
  return json_text(report_json(report));
}

}  // namespace ssmprof::reports
