#include <array>
#include <cmath>
#include <set>

#include "reports/json_io.hpp"
#include "reports/json_reader.hpp"
#include "reports/version.hpp"

namespace ssmprof::reports {
namespace {

template <class Enum>
Enum one_of(const JsonReader& r, std::initializer_list<Enum> all) {
  const std::string text = r.string();
  std::string names;
  for (Enum e : all) {
    if (text == name_of(e)) return e;
    names += (names.empty() ? "" : ", ") + std::string(name_of(e));
  }
  r.fail("\"" + text + "\" is none of " + names);
}

std::string text_or_empty(const JsonReader& r, const char* key) {
  return r.has(key) ? r.at(key).string() : "";
}

Interval read_interval(const JsonReader& r) {
  r.only({"low", "high", "level"});
  Interval i{r.at("low").number(), r.at("high").number(), r.at("level").number()};
  if (i.low > i.high) r.fail("low is above high");
  if (!(i.level > 0 && i.level <= 1)) r.fail("level is not in (0, 1]");
  return i;
}

MetricClass read_class(const JsonReader& r) {
  return one_of(
      r, {MetricClass::deterministic, MetricClass::semi_deterministic, MetricClass::stochastic});
}

Metric read_metric(const std::string& id, const JsonReader& r) {
  r.only(
      {"value", "unit", "class", "source", "interval", "samples", "hw_metric", "passes", "reason"});
  Metric m;
  m.id = id;
  m.value = r.at("value").number_or_null();
  m.unit = r.at("unit").string();
  m.cls = read_class(r.at("class"));
  m.source = r.at("source").string();
  if (r.has("interval")) m.interval = read_interval(r.at("interval"));
  if (r.has("samples")) {
    m.samples = r.at("samples").array([](const JsonReader& s) { return s.number(); });
  }
  m.hw_metric = text_or_empty(r, "hw_metric");
  if (r.has("passes")) m.passes = static_cast<int>(r.at("passes").integer(0, 1 << 30));
  m.reason = text_or_empty(r, "reason");
  if (!m.value && m.reason.empty()) r.fail("the value is null without a reason");
  return m;
}

std::vector<Metric> read_metrics(const JsonReader& r) {
  std::vector<Metric> metrics;
  r.members(
      [&](const std::string& id, const JsonReader& m) { metrics.push_back(read_metric(id, m)); });
  return metrics;
}

std::vector<std::string> read_strings(const JsonReader& r) {
  return r.array([](const JsonReader& s) { return s.string(); });
}

std::array<std::int64_t, 3> read_triple(const JsonReader& r) {
  const auto v = r.array([](const JsonReader& s) { return s.integer(0); });
  if (v.size() != 3) r.fail("expected 3 numbers");
  return {v[0], v[1], v[2]};
}

KernelRecord read_kernel(const JsonReader& r) {
  r.only({"name", "grid", "block", "registers", "shared_bytes", "occupancy", "launches", "time"});
  const double nan = std::numeric_limits<double>::quiet_NaN();
  KernelRecord k;
  k.name = r.at("name").string();
  k.grid = read_triple(r.at("grid"));
  k.block = read_triple(r.at("block"));
  k.registers = static_cast<int>(r.at("registers").integer(0, 1 << 30));
  k.shared_bytes = r.at("shared_bytes").integer(0);
  k.occupancy = r.at("occupancy").number_or_null().value_or(nan);
  k.launches = r.at("launches").integer(0);
  k.time = r.at("time").number_or_null().value_or(nan);
  return k;
}

Range read_range(const JsonReader& r) {
  r.only({"id", "parent", "component", "layer", "includes", "shape", "metrics", "kernels"});
  Range range;
  range.id = r.at("id").string();
  range.parent = static_cast<int>(r.at("parent").integer(-1, 1 << 30));
  range.component = r.at("component").string();
  range.layer = static_cast<int>(r.at("layer").integer(-1, 1 << 30));
  range.includes = read_strings(r.at("includes"));
  range.shape = r.at("shape").array([](const JsonReader& s) { return s.integer(0); });
  range.metrics = read_metrics(r.at("metrics"));
  if (r.has("kernels")) range.kernels = r.at("kernels").array(read_kernel);
  return range;
}

AttributionRow read_row(const JsonReader& r) {
  r.only({"name", "components", "metrics"});
  return {r.at("name").string(), read_strings(r.at("components")), read_metrics(r.at("metrics"))};
}

Attribution read_attribution(const JsonReader& r) {
  r.only({"name", "rows"});
  return {r.at("name").string(), r.at("rows").array(read_row)};
}

std::vector<Diagnostic> read_diagnostics(const JsonReader& r) {
  return r.array([](const JsonReader& d) {
    d.only({"rule", "level", "message", "hint"});
    using Level = Diagnostic::Level;
    return Diagnostic{d.at("rule").string(),
                      one_of(d.at("level"), {Level::info, Level::warning, Level::error}),
                      d.at("message").string(), text_or_empty(d, "hint")};
  });
}

nlohmann::json read_object(const JsonReader& r) {
  return r.require_object().value();
}

/// An interval belongs to a value inside it, and comes from samples or from another metric's.
void check_intervals(const std::vector<Metric>& metrics, const JsonReader& r,
                     const std::string& place) {
  for (const auto& m : metrics) {
    if (!m.interval) continue;
    const auto fail = [&](const char* what) {
      r.at("metrics").at(m.id.c_str()).fail(what + (" (" + place) + ")");
    };
    if (!m.value) fail("an interval without a value");
    const double slack = 1e-9 * std::abs(*m.value);  // of the arithmetic, not of the measurement
    if (*m.value < m.interval->low - slack || *m.value > m.interval->high + slack) {
      fail("the value is outside its interval");
    }
    if (m.samples.empty() && m.source.rfind("derived", 0) != 0) {
      fail("an interval without the samples behind it");
    }
  }
}

void check_intervals(const Workload& w, const JsonReader& r) {
  const std::string place = "workload \"" + w.id + "\"";
  check_intervals(w.metrics, r, place);
  std::size_t i = 0;
  r.at("ranges").array([&](const JsonReader& range) {
    check_intervals(w.ranges[i].metrics, range, place + ", range \"" + w.ranges[i].id + "\"");
    return ++i;
  });
  i = 0;
  r.at("attributions").array([&](const JsonReader& attribution) {
    std::size_t j = 0;
    attribution.at("rows").array([&](const JsonReader& row) {
      const auto& read = w.attributions[i].rows[j];
      check_intervals(read.metrics, row, place + ", row \"" + read.name + "\"");
      return ++j;
    });
    return ++i;
  });
}

/// Reads what tables show; the schema tells the rest.
nlohmann::json read_roofline(const JsonReader& r) {
  if (r.value().is_null()) return nullptr;
  if (!r.value().is_object()) r.expected("an object or null");
  if (!r.has("points")) return r.value();
  r.at("points").array([](const JsonReader& point) {
    point.at("component").string();
    if (point.has("binds") && !point.at("binds").value().is_null()) point.at("binds").string();
    if (point.has("share_of_limit")) point.at("share_of_limit").number_or_null();
    return true;
  });
  return r.value();
}

Workload read_workload(const JsonReader& r) {
  r.only({"id", "settings", "metrics", "ranges", "attributions", "roofline", "diagnostics"});
  Workload w;
  w.id = r.at("id").string();
  w.settings = read_object(r.at("settings"));
  w.metrics = read_metrics(r.at("metrics"));
  w.ranges = r.at("ranges").array(read_range);
  std::set<std::string> ids;
  for (std::size_t i = 0; i < w.ranges.size(); ++i) {
    const Range& range = w.ranges[i];
    if (range.parent >= static_cast<int>(i)) {
      r.at("ranges").fail("range \"" + range.id + "\" stands before its parent");
    }
    if (!ids.insert(range.id).second) {
      r.at("ranges").fail("range \"" + range.id + "\" is there twice");
    }
  }
  w.attributions = r.at("attributions").array(read_attribution);
  check_intervals(w, r);
  w.roofline = read_roofline(r.at("roofline"));
  w.diagnostics = read_diagnostics(r.at("diagnostics"));
  return w;
}

Verdict read_verdict(const JsonReader& r) {
  return one_of(r, {Verdict::improved, Verdict::same, Verdict::regressed, Verdict::ambiguous,
                    Verdict::added, Verdict::missing, Verdict::incomparable});
}

ComparisonEntry read_entry(const JsonReader& r) {
  r.only({"workload", "range", "metric", "unit", "class", "verdict", "baseline", "candidate",
          "ratio", "interval", "floor_ratio", "reason"});
  ComparisonEntry e;
  e.workload = r.at("workload").string();
  e.range = r.at("range").string();
  e.metric = r.at("metric").string();
  e.unit = r.at("unit").string();
  e.cls = read_class(r.at("class"));
  e.verdict = read_verdict(r.at("verdict"));
  e.baseline = r.at("baseline").number_or_null();
  e.candidate = r.at("candidate").number_or_null();
  e.ratio = r.at("ratio").number_or_null();
  if (!r.at("interval").value().is_null()) e.interval = read_interval(r.at("interval"));
  e.floor_ratio = r.at("floor_ratio").number_or_null();
  e.reason = text_or_empty(r, "reason");
  return e;
}

Comparison read_comparison(const JsonReader& r) {
  r.only({"name", "settings", "verdict", "entries"});
  Comparison c;
  c.name = r.at("name").string();
  c.settings = read_object(r.at("settings"));
  c.verdict = read_verdict(r.at("verdict"));
  c.entries = r.at("entries").array(read_entry);
  return c;
}

/// The document's version, of our major version.
Version read_version(const JsonReader& r) {
  const std::string text = r.at("schema_version").string();
  const auto version = parse_version(text);
  if (!version) {
    r.at("schema_version").fail("\"" + text + "\" is no version like " + kSchemaVersion);
  }
  if (version->major_number != parse_version(kSchemaVersion)->major_number) {
    r.at("schema_version")
        .fail("\"" + text + "\" is another major version than " + kSchemaVersion +
              ": use the ssmprof that wrote it, or run again");
  }
  return *version;
}

Report read_document(const JsonReader& r) {
  r.only({"schema_version", "kind", "partial", "tool", "invocation", "environment", "workloads",
          "comparisons", "diagnostics", "definitions"});
  Report report;
  report.kind = one_of(r.at("kind"), {Report::Kind::run, Report::Kind::comparison});
  report.partial = r.at("partial").boolean();
  report.tool = read_object(r.at("tool"));
  report.invocation = read_object(r.at("invocation"));
  report.environment = read_object(r.at("environment"));
  report.workloads = r.at("workloads").array(read_workload);
  std::set<std::string> ids;
  for (const auto& w : report.workloads) {
    if (!ids.insert(w.id).second) {
      r.at("workloads").fail("workload \"" + w.id + "\" is there twice");
    }
  }
  report.comparisons = r.at("comparisons").array(read_comparison);
  report.diagnostics = read_diagnostics(r.at("diagnostics"));
  report.definitions = read_object(r.at("definitions"));
  return report;
}

}  // namespace

Report report_from_json(const nlohmann::json& document, const std::string& where) {
  const JsonReader r(document, where);
  if (!document.is_object()) r.expected("a report object");
  if (!document.contains("schema_version")) r.fail("no \"schema_version\": not an ssmprof report");
  const Version version = read_version(r);
  try {
    return read_document(r);
  } catch (const InputError& error) {
    // A newer minor version may add keys: say so, or the complaint makes no sense.
    if (version.minor_number <= parse_version(kSchemaVersion)->minor_number) throw;
    throw InputError(std::string(error.what()) + " (written in version " +
                     document["schema_version"].get<std::string>() +
                     " of the format, this ssmprof reads " + kSchemaVersion +
                     ": use a newer ssmprof)");
  }
}

Report read_report(const std::filesystem::path& path, std::optional<Report::Kind> expected) {
  Report report = report_from_json(read_json_file(path), path.string());
  if (expected && report.kind != *expected) {
    throw InputError(path.string() + ": is a report of kind " + name_of(report.kind) + ", but a " +
                     name_of(*expected) + " is needed");
  }
  return report;
}

}  // namespace ssmprof::reports
