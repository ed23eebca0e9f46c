#include <algorithm>
#include <cstdlib>

#include "reports/attribution.hpp"
#include "reports/error.hpp"
#include "reports/exporters/exporter.hpp"
#include "reports/json_io.hpp"

namespace ssmprof::reports {
namespace {

using Json = nlohmann::ordered_json;

/// A benchmark entry: the median, as the formats' readers expect it of an aggregate.
Json entry(const std::string& name, const Metric& time, int family) {
  const Json nanoseconds = json_number(*time.value * 1e9);
  Json j{{"name", name + "_median"},
         {"family_index", family},
         {"per_family_instance_index", 0},
         {"run_name", name},
         {"run_type", "aggregate"},
         {"repetitions", std::max<std::size_t>(time.samples.size(), 1)},
         {"threads", 1},
         {"aggregate_name", "median"},
         {"aggregate_unit", "time"},
         {"iterations", std::max<std::size_t>(time.samples.size(), 1)},
         {"real_time", nanoseconds},
         {"cpu_time", nanoseconds},
         {"time_unit", "ns"}};
  return j;
}

void counter(Json& j, const std::vector<Metric>& metrics, const char* id) {
  const Metric* m = find_metric(metrics, id);
  if (m != nullptr && m->value) j[id] = json_number(*m->value);
}

std::string text_at(const nlohmann::json& document, const std::string& pointer) {
  const nlohmann::json::json_pointer p(pointer);
  if (!document.is_object() || !document.contains(p)) return "";
  const auto& value = document.at(p);
  return value.is_string() ? value.get<std::string>() : value.dump();
}

class GbenchExporter : public Exporter {
 public:
  std::string_view name() const override { return "gbench"; }
  std::string_view summary() const override {
    return "google-benchmark JSON, medians of times, for trackers that read it";
  }
  void write(const Report& report, std::ostream& out) const override {
    if (report.kind != Report::Kind::run) {
      throw InputError("gbench: needs a report of a run; a comparison has no times of its own");
    }
    Json context;
    context["date"] = text_at(report.invocation, "/started");
    context["host_name"] = "";
    context["executable"] = "ssmprof";
    const std::string cores = text_at(report.environment, "/cpu/cores");
    context["num_cpus"] =
        cores.empty() || cores.find_first_not_of("0123456789") != std::string::npos
            ? 0
            : std::atoi(cores.c_str());
    context["mhz_per_cpu"] = 0;
    context["cpu_scaling_enabled"] = false;
    context["caches"] = Json::array();
    context["library_build_type"] = "release";
    context["json_schema_version"] = 1;
    context["cpu_model"] = text_at(report.environment, "/cpu/model");
    context["gpu_name"] = text_at(report.environment, "/gpu/name");
    Json benchmarks = Json::array();
    int family = 0;
    for (const auto& w : report.workloads) {
      for (const char* id : {"time", "ttft", "tpot"}) {
        const Metric* time = find_metric(w.metrics, id);
        if (time == nullptr || !time->value) continue;
        Json j =
            entry(w.id + (std::string(id) == "time" ? "" : "/" + std::string(id)), *time, family++);
        if (std::string(id) == "time") {
          for (const char* c : {"tokens_per_second", "flops", "bytes_min"})
            counter(j, w.metrics, c);
        }
        benchmarks.push_back(std::move(j));
      }
      for (const auto& a : w.attributions) {
        if (a.name != "native") continue;
        for (const auto& row : a.rows) {
          const Metric* time = find_metric(row.metrics, "time");
          if (time == nullptr || !time->value) continue;
          Json j = entry(w.id + "/component:" + row.name, *time, family++);
          counter(j, row.metrics, "flops");
          counter(j, row.metrics, "bytes_min");
          benchmarks.push_back(std::move(j));
        }
      }
    }
    out << Json{{"context", context}, {"benchmarks", benchmarks}}.dump(
               2, ' ', false, Json::error_handler_t::replace)
        << '\n';
  }
};

}  // namespace

std::unique_ptr<Exporter> make_gbench_exporter() {
  return std::make_unique<GbenchExporter>();
}

}  // namespace ssmprof::reports
