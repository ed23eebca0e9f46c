#include <cstdio>
#include <map>

#include "reports/attribution.hpp"
#include "reports/json_io.hpp"
#include "reports/terminal.hpp"
#include "reports/terminal_text.hpp"
#include "reports/units.hpp"

namespace ssmprof::reports {
namespace {

constexpr std::size_t kMostRanges = 12;

std::string ratio_text(double ratio) {
  char text[32];
  std::snprintf(text, sizeof text, ratio < 10 ? "%.3f" : "%.3g", ratio);
  return text;
}

bool noteworthy(const ComparisonEntry& e) {
  return e.verdict != Verdict::same && e.verdict != Verdict::improved;
}

/// What a line is about: the metric of the whole, the component, or the range.
std::string label_of(const ComparisonEntry& e) {
  if (e.range.empty()) return e.metric.empty() ? e.workload : e.metric;
  const std::string prefix = "component:";
  const bool row = e.range.rfind(prefix, 0) == 0;
  const std::string place = row ? e.range.substr(prefix.size()) : e.range;
  return (row && e.metric == "time") || e.metric.empty() ? place : place + " " + e.metric;
}

std::vector<Cell> cells_of(const ComparisonEntry& e, Footnotes& notes, const TerminalStyle& style) {
  const auto value = [&](const std::optional<double>& v) {
    if (v) return human(*v, e.unit, style.unicode);
    return std::string(style.unicode ? "–" : "-");
  };
  const std::string to = style.unicode ? "…" : "..";
  const std::string times = style.unicode ? "×" : "x";
  const std::string mark = noteworthy(e) && !e.reason.empty() ? notes.mark(e.reason) : "";
  return {
      {label_of(e), e.range.empty() ? Ink::bold : Ink::plain},
      {value(e.baseline)},
      {value(e.candidate)},
      {e.ratio ? ratio_text(*e.ratio) + times : ""},
      {e.interval ? ratio_text(e.interval->low) + to + ratio_text(e.interval->high) : "", Ink::dim},
      {e.floor_ratio ? ratio_text(*e.floor_ratio) + times : ""},
      {name_of(e.verdict) + mark, ink_of(e.verdict)}};
}

std::string counts_text(const std::vector<ComparisonEntry>& entries, const TerminalStyle& style) {
  std::map<Verdict, int> counts;
  for (const auto& e : entries) ++counts[e.verdict];
  std::string text;
  for (Verdict v : {Verdict::regressed, Verdict::missing, Verdict::incomparable, Verdict::ambiguous,
                    Verdict::improved, Verdict::same, Verdict::added}) {
    if (counts[v] == 0) continue;
    text += (text.empty() ? "" : separator(style)) +
            inked(std::to_string(counts[v]) + " " + name_of(v), ink_of(v), style);
  }
  return text;
}

/// Settings of a study that are short enough to show: score, ratio, variant, …
std::vector<std::string> setting_parts(const nlohmann::json& settings) {
  std::vector<std::string> parts;
  if (!settings.is_object()) return parts;
  for (const auto& [key, value] : settings.items()) {
    if (key == "policy" || key == "paired" || key == "method" || key == "strict") continue;
    const std::string text = value.is_string() ? value.get<std::string>() : value.dump();
    if (!value.is_structured() && !value.is_null()) parts.push_back(key + " " + text);
  }
  return parts;
}

const ComparisonEntry* whole_time(const Comparison& c) {
  for (const auto& e : c.entries) {
    if (e.range.empty() && e.metric == "time") return &e;
  }
  return nullptr;
}

/// The verdict, and what it comes from when that is not the time beside it: the entry with the
/// largest ratio of that verdict.
std::string verdict_text(const Comparison& c, const ComparisonEntry* time) {
  const std::string name = name_of(c.verdict);
  if (c.verdict != Verdict::regressed || (time != nullptr && time->verdict == c.verdict))
    return name;
  const ComparisonEntry* worst = nullptr;
  for (const auto& e : c.entries) {
    if (e.verdict != c.verdict || !e.ratio) continue;
    if (worst == nullptr || *e.ratio > *worst->ratio) worst = &e;
  }
  if (worst == nullptr) return name;
  return name + ": " + (worst->range.empty() ? "" : worst->range + " ") + worst->metric;
}

void summarize_runs(std::ostream& out, const Report& report, Footnotes& notes,
                    const TerminalStyle& style) {
  Table table({{"workload", true, 0},
               {"time", false, 0},
               {style.unicode ? "±" : "+/-", false, 1},
               {"tokens/s", false, 2},
               {"weights", false, 4},
               {"state", false, 5},
               {"activations", false, 3}});
  for (const auto& w : report.workloads) {
    const auto find = [&](const char* id) { return find_metric(w.metrics, id); };
    const Metric* rate = find("tokens_per_second");
    table.add({{w.id},
               {metric_text(find("time"), notes, style)},
               {half_width_text(find("time")), Ink::dim},
               {rate && rate->value ? human(*rate->value, "1", style.unicode)
                                    : metric_text(rate, notes, style)},
               {metric_text(find("memory_weights"), notes, style)},
               {metric_text(find("memory_state"), notes, style)},
               {metric_text(find("memory_activations_peak"), notes, style)}});
  }
  table.print(out, style);
}

void summarize_comparisons(std::ostream& out, const Report& report, const TerminalStyle& style) {
  Table table({{"comparison", true, 0},
               {"time", false, 1},
               {"interval", false, 3},
               {"at floor", false, 2},
               {"verdict", true, 0}});
  std::vector<ComparisonEntry> all;
  for (const auto& c : report.comparisons) {
    const ComparisonEntry* time = whole_time(c);
    std::vector<Cell> cells(5);
    cells[0] = {c.name};
    if (time != nullptr) {
      Footnotes unused(style);
      const auto entry = cells_of(*time, unused, style);
      cells[1] = entry[3];
      cells[2] = entry[4];
      cells[3] = entry[5];
    }
    cells[4] = {verdict_text(c, time), ink_of(c.verdict)};
    table.add(std::move(cells));
    all.insert(all.end(), c.entries.begin(), c.entries.end());
  }
  table.print(out, style);
  out << "  " << counts_text(all, style) << '\n';
}

}  // namespace

void print_comparison(std::ostream& out, const Comparison& comparison,
                      const TerminalStyle& wanted) {
  const TerminalStyle style = clamped(wanted);
  Footnotes notes(style);
  for (const auto& line : wrapped(printable(comparison.name), style.width)) {
    out << inked(shortened(line, style.width, style), Ink::bold, style) << '\n';
  }
  print_parts(out, "", 0, setting_parts(comparison.settings), style);
  Table table({{"", true, 0},
               {"baseline", false, 4},
               {"candidate", false, 3},
               {"ratio", false, 0},
               {"interval", false, 2},
               {"at floor", false, 1},
               {"verdict", true, 0}});
  std::size_t left_out = 0;
  std::size_t ranges = 0;
  bool rule = false;
  for (const auto& e : comparison.entries) {
    const bool whole = e.range.empty();
    const bool row = e.range.rfind("component:", 0) == 0;
    // Rows show their time, ranges only what needs attention; whatever needs it is shown.
    if (!whole && !(row && e.metric == "time") && !noteworthy(e)) continue;
    if (!whole && !row && ++ranges > kMostRanges) {
      ++left_out;
      continue;
    }
    if (!whole && !rule) table.add_rule();
    rule = rule || !whole;
    table.add(cells_of(e, notes, style));
  }
  table.print(out, style);
  if (left_out > 0) out << "  and " << left_out << " more ranges\n";
  out << "  " << counts_text(comparison.entries, style) << '\n';
  notes.print(out);
}

void print_summary(std::ostream& out, const Report& report, const TerminalStyle& wanted) {
  const TerminalStyle style = clamped(wanted);
  Footnotes notes(style);
  if (!report.workloads.empty()) summarize_runs(out, report, notes, style);
  if (!report.comparisons.empty()) summarize_comparisons(out, report, style);
  if (report.workloads.empty() && report.comparisons.empty()) out << "  nothing was measured\n";
  if (report.partial) {
    out << "  " << inked("partial: interrupted before the end", Ink::yellow, style) << '\n';
  }
  notes.print(out);
  print_diagnostics(out, report.diagnostics, style);
}

}  // namespace ssmprof::reports
