#include "reports/terminal.hpp"

#include <algorithm>
#include <cmath>

#include "reports/attribution.hpp"
#include "reports/terminal_text.hpp"
#include "reports/units.hpp"

namespace ssmprof::reports {
namespace {

std::string plus_minus(const Metric* metric, const TerminalStyle& style) {
  const std::string half = half_width_text(metric);
  return half.empty() ? "" : (style.unicode ? " ± " : " +/- ") + half;
}

/// A bar of `fraction` of `width` columns, in eighths of a column where the terminal can.
std::string bar(double fraction, int width, const TerminalStyle& style) {
  const double clamped_fraction = std::clamp(fraction, 0.0, 1.0);
  if (!style.unicode) {
    return std::string(static_cast<std::size_t>(std::lround(clamped_fraction * width)), '#');
  }
  static const char* const parts[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  const long eighths = std::lround(clamped_fraction * width * 8);
  std::string text;
  for (long i = 0; i < eighths / 8; ++i) text += "█";
  return text + parts[eighths % 8];
}

void add_part(std::vector<std::string>& parts, const std::string& name, const Metric* metric,
              Footnotes& notes, const TerminalStyle& style, const std::string& after = "") {
  if (metric == nullptr) return;
  parts.push_back(name + (name.empty() ? "" : " ") + metric_text(metric, notes, style) +
                  plus_minus(metric, style) + after);
}

void print_main_figures(std::ostream& out, const Workload& w, Footnotes& notes,
                        const TerminalStyle& style) {
  const auto find = [&](const char* id) { return find_metric(w.metrics, id); };
  std::vector<std::string> speed;
  add_part(speed, "", find("time"), notes, style);
  if (const Metric* rate = find("tokens_per_second")) {
    speed.push_back(
        (rate->value ? human(*rate->value, "1", style.unicode) : metric_text(rate, notes, style)) +
        (rate->value && *rate->value >= 999.5 ? "tokens/s" : " tokens/s"));
  }
  add_part(speed, "TTFT", find("ttft"), notes, style);
  add_part(speed, "TPOT", find("tpot"), notes, style);
  add_part(speed, "graph", find("time_graph"), notes, style);
  print_parts(out, "time", 8, speed, style);
  std::vector<std::string> memory;
  add_part(memory, "weights", find("memory_weights"), notes, style);
  add_part(memory, "state", find("memory_state"), notes, style);
  add_part(memory, "activations", find("memory_activations_peak"), notes, style, " at peak");
  add_part(memory, "allocated", find("memory_allocated"), notes, style, " in all");
  print_parts(out, "memory", 8, memory, style);
  const auto measured = [&](const char* id) { return find(id) != nullptr && find(id)->value; };
  if (!measured("power") && !measured("energy") && !measured("sm_clock")) return;
  std::vector<std::string> power;
  add_part(power, "", find("power"), notes, style);
  add_part(power, "", find("energy"), notes, style, " per run");
  add_part(power, "", find("energy_per_token"), notes, style, " per token");
  add_part(power, "SM", find("sm_clock"), notes, style);
  print_parts(out, "power", 8, power, style);
}

const Attribution* find_attribution(const Workload& w, const std::string& name) {
  for (const auto& a : w.attributions) {
    if (a.name == name) return &a;
  }
  return nullptr;
}

std::size_t ranges_of(const Workload& w, const AttributionRow& row) {
  return static_cast<std::size_t>(
      std::count_if(w.ranges.begin(), w.ranges.end(), [&](const Range& r) {
        return !r.component.empty() && std::find(row.components.begin(), row.components.end(),
                                                 r.component) != row.components.end();
      }));
}

/// The row's name, with what is fused into it: "ssd (+gate)".
std::string row_label(const Workload& w, const AttributionRow& row) {
  std::vector<std::string> fused;
  for (const auto& r : w.ranges) {
    if (r.component.empty() || std::find(row.components.begin(), row.components.end(),
                                         r.component) == row.components.end()) {
      continue;
    }
    for (const auto& c : r.includes) {
      if (c != r.component && std::find(fused.begin(), fused.end(), c) == fused.end()) {
        fused.push_back(c);
      }
    }
  }
  std::string label = row.name;
  for (std::size_t i = 0; i < fused.size(); ++i) label += (i == 0 ? " (+" : " +") + fused[i];
  return fused.empty() ? label : label + ")";
}

struct NumberColumn {
  const char* header;
  const char* metric;
  int priority;
};

constexpr NumberColumn kNumbers[] = {
    {"time", "time", 0},
    {"ranges", nullptr, 9},
    {"kernels", "kernel_time", 5},
    {"launches", "launches", 8},
    {"FLOP", "flops", 4},
    {"FLOP/s", "flops_per_second", 2},
    {"bytes", "bytes_min", 6},
    {"B/s", "bytes_per_second", 3},
    {"FLOP/B", "intensity", 7},
    {"DRAM read", "dram_read", 5},
    {"DRAM write", "dram_write", 5},
    {"L2", "l2_bytes", 8},
    {"FLOP issued", "flops_issued", 9},
    {"tensor", "flops_tensor", 9},
};

bool is_time(const NumberColumn& column) {
  return column.metric != nullptr && std::string(column.metric) == "time";
}

/// Numbers that only a GPU's tools give. Where no row has one, the column is left out: a diagnostic
/// says why.
bool absent_everywhere(const Workload& w, const std::string& metric) {
  static const std::vector<std::string> tools = {"kernel_time", "launches", "dram_read",
                                                 "dram_write",  "l2_bytes", "flops_issued",
                                                 "flops_tensor"};
  if (std::find(tools.begin(), tools.end(), metric) == tools.end()) return false;
  const bool told = std::any_of(w.diagnostics.begin(), w.diagnostics.end(),
                                [](const Diagnostic& d) { return d.rule == "probe.unavailable"; });
  if (!told) return false;
  for (const auto& range : w.ranges) {
    const Metric* m = find_metric(range.metrics, metric);
    if (m != nullptr && m->value) return false;
  }
  return true;
}

void add_numbers(std::vector<Cell>& cells, const Workload& w, const AttributionRow& row,
                 Footnotes& notes, const TerminalStyle& style, const std::vector<bool>& mask) {
  for (const auto& column : kNumbers) {
    const Metric* m = column.metric ? find_metric(row.metrics, column.metric) : nullptr;
    if ((!mask.empty() && !mask[cells.size()]) ||
        (m != nullptr && absent_everywhere(w, column.metric))) {
      cells.emplace_back();
    } else if (column.metric == nullptr) {
      const auto n = ranges_of(w, row);
      cells.push_back({n == 0 ? "" : std::to_string(n)});
    } else if (m != nullptr && m->id == "intensity" && m->value) {
      cells.push_back({three_digits(*m->value)});
    } else {
      cells.push_back({metric_text(m, notes, style)});
    }
    if (is_time(column)) cells.push_back({half_width_text(m), Ink::dim});
  }
}

/// What binds the component by the roofline, and its share of the time: "dram 86 %".
std::string bound_text(const Workload& w, const std::string& component) {
  if (!w.roofline.is_object() || !w.roofline.contains("points")) return "";
  for (const auto& point : w.roofline.at("points")) {
    if (point.value("component", "") != component) continue;
    const auto binds = point.find("binds"), share = point.find("share_of_limit");
    if (binds == point.end() || !binds->is_string()) return "";
    const bool resource = *binds != "latency" && *binds != "launch";
    if (!resource || share == point.end() || !share->is_number()) return binds->get<std::string>();
    return binds->get<std::string>() + " " + human_percent(share->get<double>());
  }
  return "";
}

AttributionRow whole_row(const Workload& w, const Attribution& native) {
  std::vector<const std::vector<Metric>*> lists;
  std::vector<std::string> places;
  for (const auto& row : native.rows) {
    if (row.name == "other" && ranges_of(w, row) == 0) continue;  // time only
    lists.push_back(&row.metrics);
    places.push_back(row.name);
  }
  AttributionRow whole{"whole", {}, sum_metrics(lists, places)};
  for (const auto& m : w.metrics) {
    auto at = std::find_if(whole.metrics.begin(), whole.metrics.end(),
                           [&](const Metric& x) { return x.id == m.id; });
    if (at == whole.metrics.end())
      whole.metrics.push_back(m);
    else
      *at = m;
  }
  add_rates(whole.metrics);
  return whole;
}

/// The table of components. Columns masked out stay empty and ask for no footnote.
Table native_table(const Workload& w, const Attribution& native, Footnotes& notes,
                   const TerminalStyle& style, const std::vector<bool>& mask) {
  std::vector<Column> columns = {{"component", true, 0}, {"", true, 1}, {"share", false, 0}};
  for (const auto& n : kNumbers) {
    columns.push_back({n.header, false, n.priority});
    if (is_time(n)) columns.push_back({style.unicode ? "±" : "+/-", false, 1});
  }
  columns.push_back({"bound by", false, 4});
  Table table(std::move(columns));
  const int bar_width = style.width >= 120 ? 20 : style.width >= 96 ? 14 : 8;
  const auto add = [&](const AttributionRow& row, const std::string& label, Ink ink) {
    std::vector<Cell> cells = {{label, ink}};
    const Metric* share = find_metric(row.metrics, "share");
    cells.push_back({share && share->value ? bar(*share->value, bar_width, style) : "", Ink::cyan});
    cells.push_back(
        {share && share->value ? human_percent(*share->value) : metric_text(share, notes, style)});
    add_numbers(cells, w, row, notes, style, mask);
    cells.push_back({bound_text(w, row.name)});
    table.add(std::move(cells));
  };
  for (const auto& row : native.rows) add(row, row_label(w, row), Ink::plain);
  table.add_rule();
  add(whole_row(w, native), "whole", Ink::bold);
  return table;
}

void print_native(std::ostream& out, const Workload& w, const Attribution& native, Footnotes& notes,
                  const TerminalStyle& style) {
  Footnotes trial = notes;
  const auto mask = native_table(w, native, trial, style, {}).shown(style);
  out << '\n';
  native_table(w, native, notes, style, mask).print(out, style);
}

void print_shares(std::ostream& out, const Attribution& a, Footnotes& notes,
                  const TerminalStyle& style) {
  std::vector<std::string> parts;
  for (const auto& row : a.rows) {
    const Metric* share = find_metric(row.metrics, "share");
    if (share == nullptr) continue;
    parts.push_back(
        row.name + " " +
        (share->value ? human_percent(*share->value) : metric_text(share, notes, style)));
  }
  print_parts(out, a.name, 8, parts, style);
}

}  // namespace

void print_workload(std::ostream& out, const Workload& workload, const TerminalStyle& wanted) {
  const TerminalStyle style = clamped(wanted);
  Footnotes notes(style);
  out << inked(shortened(workload.id, style.width, style), Ink::bold, style) << '\n';
  print_main_figures(out, workload, notes, style);
  if (const Attribution* native = find_attribution(workload, "native")) {
    print_native(out, workload, *native, notes, style);
  }
  bool first = true;
  for (const auto& a : workload.attributions) {
    if (a.name == "native") continue;
    if (first) out << '\n';
    first = false;
    print_shares(out, a, notes, style);
  }
  notes.print(out);
  print_diagnostics(out, workload.diagnostics, style);
}

}  // namespace ssmprof::reports
