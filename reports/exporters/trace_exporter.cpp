#include <algorithm>
#include <cmath>

#include "reports/attribution.hpp"
#include "reports/error.hpp"
#include "reports/exporters/exporter.hpp"
#include "reports/json_io.hpp"

namespace ssmprof::reports {
namespace {

using Json = nlohmann::ordered_json;

/// Lays ranges out one after the other from their median times; a group spans its children.
class Layout {
 public:
  Layout(const Workload& w, int process, Json& events)
      : w_(w), process_(process), events_(events), children_(w.ranges.size()) {
    for (std::size_t i = 0; i < w.ranges.size(); ++i) {
      const int parent = w.ranges[i].parent;
      if (parent < 0)
        roots_.push_back(i);
      else
        children_[static_cast<std::size_t>(parent)].push_back(i);
    }
  }
  void run() {
    double at = 0;
    for (std::size_t r : roots_) at = place(r, at);
  }

 private:
  /// Places a range at `at` (µs) and returns its end. Parents stand before their children.
  double place(std::size_t index, double at) {
    const Range& r = w_.ranges[index];
    const std::size_t slot = events_.size();
    events_.push_back(nullptr);
    double end = at;
    for (std::size_t child : children_[index]) end = place(child, end);
    const Metric* time = find_metric(r.metrics, "time");
    const bool timed = time != nullptr && time->value && std::isfinite(*time->value);
    if (timed && children_[index].empty()) end = at + std::max(0.0, *time->value * 1e6);
    Json args;
    if (!r.component.empty()) args["component"] = r.component;
    if (!r.includes.empty()) args["includes"] = r.includes;
    if (!r.shape.empty()) args["shape"] = r.shape;
    for (const auto& m : r.metrics) {
      args[m.id] = m.value ? json_number(*m.value) : Json(m.reason);
    }
    events_[slot] = Json{{"name", r.id},
                         {"cat", r.component.empty() ? "group" : r.component},
                         {"ph", "X"},
                         {"ts", json_number(at)},
                         {"dur", json_number(end - at)},
                         {"pid", process_},
                         {"tid", 1},
                         {"args", args}};
    return end;
  }

  const Workload& w_;
  int process_;
  Json& events_;
  std::vector<std::vector<std::size_t>> children_;
  std::vector<std::size_t> roots_;
};

class TraceExporter : public Exporter {
 public:
  std::string_view name() const override { return "trace"; }
  std::string_view summary() const override {
    return "Chrome trace for Perfetto: median range times laid end to end, not a timeline";
  }
  void write(const Report& report, std::ostream& out) const override {
    if (report.kind != Report::Kind::run) {
      throw InputError("trace: needs a report of a run; a comparison has no ranges to lay out");
    }
    Json events = Json::array();
    int process = 0;
    for (const auto& w : report.workloads) {
      ++process;
      events.push_back(Json{
          {"name", "process_name"}, {"ph", "M"}, {"pid", process}, {"args", {{"name", w.id}}}});
      events.push_back(Json{{"name", "thread_name"},
                            {"ph", "M"},
                            {"pid", process},
                            {"tid", 1},
                            {"args", {{"name", "ranges, median times laid end to end"}}}});
      Layout(w, process, events).run();
    }
    out << Json{{"displayTimeUnit", "ns"},
                {"otherData",
                 {{"note",
                   "Median times of ranges laid end to end in their order; gaps and "
                   "overlap of the real execution are not shown."}}},
                {"traceEvents", events}}
               .dump(1, ' ', false, Json::error_handler_t::replace)
        << '\n';
  }
};

}  // namespace

std::unique_ptr<Exporter> make_trace_exporter() {
  return std::make_unique<TraceExporter>();
}

}  // namespace ssmprof::reports
