#include <array>

#include "reports/exporters/exporter.hpp"
#include "reports/json_io.hpp"

namespace ssmprof::reports {
namespace {

std::string quoted(const std::string& text) {
  if (text.find_first_of(",\"\n\r") == std::string::npos) return text;
  std::string out = "\"";
  for (char c : text) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + "\"";
}

/// The shortest text that reads back as the same number; empty when there is none.
std::string number(std::optional<double> value) {
  return value && json_number(*value) != nullptr ? json_number(*value).dump() : "";
}

void line(std::ostream& out, const std::string& workload, const std::string& place,
          const std::string& component, int layer, const Metric& m) {
  const bool has_interval = m.value && m.interval;
  const std::array<std::string, 14> fields = {workload,
                                              place,
                                              component,
                                              layer < 0 ? "" : std::to_string(layer),
                                              m.id,
                                              number(m.value),
                                              m.unit,
                                              name_of(m.cls),
                                              m.source,
                                              has_interval ? number(m.interval->low) : "",
                                              has_interval ? number(m.interval->high) : "",
                                              has_interval ? number(m.interval->level) : "",
                                              std::to_string(m.samples.size()),
                                              m.reason};
  for (std::size_t i = 0; i < fields.size(); ++i) out << (i == 0 ? "" : ",") << quoted(fields[i]);
  out << "\r\n";
}

void write_comparisons(const Report& report, std::ostream& out) {
  out << "comparison,workload,range,metric,unit,class,baseline,candidate,ratio,ratio_low,"
         "ratio_high,level,floor_ratio,verdict,reason\r\n";
  for (const auto& c : report.comparisons) {
    for (const auto& e : c.entries) {
      const std::array<std::string, 15> fields = {c.name,
                                                  e.workload,
                                                  e.range,
                                                  e.metric,
                                                  e.unit,
                                                  name_of(e.cls),
                                                  number(e.baseline),
                                                  number(e.candidate),
                                                  number(e.ratio),
                                                  e.interval ? number(e.interval->low) : "",
                                                  e.interval ? number(e.interval->high) : "",
                                                  e.interval ? number(e.interval->level) : "",
                                                  number(e.floor_ratio),
                                                  name_of(e.verdict),
                                                  e.reason};
      for (std::size_t i = 0; i < fields.size(); ++i) {
        out << (i == 0 ? "" : ",") << quoted(fields[i]);
      }
      out << "\r\n";
    }
  }
}

class CsvExporter : public Exporter {
 public:
  std::string_view name() const override { return "csv"; }
  std::string_view summary() const override {
    return "tidy CSV: a row per workload, range and metric (comparisons: per entry)";
  }
  void write(const Report& report, std::ostream& out) const override {
    if (report.kind == Report::Kind::comparison) {
      write_comparisons(report, out);
      return;
    }
    out << "workload,range,component,layer,metric,value,unit,class,source,low,high,level,samples,"
           "reason\r\n";
    for (const auto& w : report.workloads) {
      for (const auto& m : w.metrics) line(out, w.id, "", "", -1, m);
      for (const auto& r : w.ranges) {
        for (const auto& m : r.metrics) line(out, w.id, r.id, r.component, r.layer, m);
      }
      for (const auto& a : w.attributions) {
        for (const auto& row : a.rows) {
          for (const auto& m : row.metrics) line(out, w.id, a.name + ":" + row.name, "", -1, m);
        }
      }
    }
  }
};

}  // namespace

std::unique_ptr<Exporter> make_csv_exporter() {
  return std::make_unique<CsvExporter>();
}

}  // namespace ssmprof::reports
