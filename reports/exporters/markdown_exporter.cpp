#include "reports/attribution.hpp"
#include "reports/exporters/exporter.hpp"
#include "reports/json_io.hpp"
#include "reports/units.hpp"

namespace ssmprof::reports {
namespace {

std::string escaped(const std::string& text) {
  std::string out;
  for (char c : text) {
    if (c == '|' || c == '\\') out += '\\';
    if (c == '<') {
      out += "&lt;";
    } else {
      out += c == '\n' ? ' ' : c;
    }
  }
  return out;
}

void row(std::ostream& out, const std::vector<std::string>& cells) {
  out << "|";
  for (const auto& c : cells) out << ' ' << escaped(c) << " |";
  out << '\n';
}

void head(std::ostream& out, const std::vector<std::string>& names, std::size_t left) {
  row(out, names);
  out << "|";
  for (std::size_t i = 0; i < names.size(); ++i) out << (i < left ? " :-- |" : " --: |");
  out << '\n';
}

std::string text(const Metric* m) {
  if (m == nullptr) return "";
  return m->value ? human(*m->value, m->unit) : "–";
}

std::string percent(const Metric* m) {
  return m && m->value ? human_percent(*m->value) : text(m);
}

std::string interval_text(const Metric* m) {
  if (m == nullptr || !m->value || !m->interval) return "";
  return human(m->interval->low, m->unit) + " … " + human(m->interval->high, m->unit);
}

void write_workload(std::ostream& out, const Workload& w) {
  out << "\n## " << escaped(w.id) << "\n\n";
  if (!w.metrics.empty()) {
    head(out, {"metric", "value", "interval"}, 1);
    for (const auto& m : w.metrics) row(out, {m.id, text(&m), interval_text(&m)});
  }
  for (const auto& a : w.attributions) {
    out << "\n### " << escaped(a.name) << "\n\n";
    head(out, {"component", "share", "time", "FLOP", "FLOP/s", "bytes", "B/s", "FLOP/B"}, 1);
    for (const auto& r : a.rows) {
      const auto find = [&](const char* id) { return find_metric(r.metrics, id); };
      row(out, {r.name, percent(find("share")), text(find("time")), text(find("flops")),
                text(find("flops_per_second")), text(find("bytes_min")),
                text(find("bytes_per_second")), text(find("intensity"))});
    }
  }
  bool first = true;
  const auto note = [&](const std::string& where, const Metric& m) {
    if (m.value) return;
    if (first) out << "\nNot measured:\n\n";
    first = false;
    out << "- " << escaped(where) << escaped(m.id) << ": " << escaped(m.reason) << '\n';
  };
  for (const auto& m : w.metrics) note("", m);
  for (const auto& a : w.attributions) {
    for (const auto& r : a.rows) {
      for (const auto& m : r.metrics) note(a.name + " " + r.name + ", ", m);
    }
  }
}

void write_comparison(std::ostream& out, const Comparison& c) {
  out << "\n## " << escaped(c.name) << "\n\nVerdict: **" << name_of(c.verdict) << "**\n\n";
  head(out,
       {"where", "metric", "verdict", "baseline", "candidate", "ratio", "interval", "floor_ratio",
        "reason"},
       3);
  for (const auto& e : c.entries) {
    const auto value = [&](const std::optional<double>& v) { return v ? human(*v, e.unit) : ""; };
    row(out,
        {e.range.empty() ? "whole" : e.range, e.metric, name_of(e.verdict), value(e.baseline),
         value(e.candidate), e.ratio ? three_digits(*e.ratio) : "",
         e.interval ? three_digits(e.interval->low) + " … " + three_digits(e.interval->high) : "",
         e.floor_ratio ? three_digits(*e.floor_ratio) : "", e.reason});
  }
}

class MarkdownExporter : public Exporter {
 public:
  std::string_view name() const override { return "markdown"; }
  std::string_view summary() const override { return "summary tables for a README or a comment"; }
  void write(const Report& report, std::ostream& out) const override {
    out << "# ssmprof " << name_of(report.kind) << '\n';
    if (report.partial) out << "\n**Partial**: interrupted before the end.\n";
    for (const auto& w : report.workloads) write_workload(out, w);
    for (const auto& c : report.comparisons) write_comparison(out, c);
    if (!report.diagnostics.empty()) out << "\n## Diagnostics\n\n";
    for (const auto& d : report.diagnostics) {
      out << "- " << name_of(d.level) << " `" << d.rule << "`: " << escaped(d.message)
          << (d.hint.empty() ? "" : " → " + escaped(d.hint)) << '\n';
    }
  }
};

}  // namespace

std::unique_ptr<Exporter> make_markdown_exporter() {
  return std::make_unique<MarkdownExporter>();
}

}  // namespace ssmprof::reports
