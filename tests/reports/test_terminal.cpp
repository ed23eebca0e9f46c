#include <algorithm>
#include <sstream>

#include "reports/table.hpp"
#include "reports/terminal.hpp"
#include "reports/terminal_text.hpp"

#include "../catch.hpp"
#include "approval.hpp"
#include "sample.hpp"

using namespace ssmprof::reports;

namespace {

template <class Print>
std::string text(Print&& print, int width, bool unicode = true, bool color = false) {
  std::ostringstream out;
  print(out, TerminalStyle{color, unicode, width});
  return out.str();
}

int widest(const std::string& text) {
  std::istringstream in(text);
  int width = 0;
  for (std::string line; std::getline(in, line);) width = std::max(width, display_width(line));
  return width;
}

const auto workload = [](std::ostream& out, const TerminalStyle& style) {
  print_workload(out, sample::workload(), style);
};
const auto comparison = [](std::ostream& out, const TerminalStyle& style) {
  print_comparison(out, sample::paired().comparisons[0], style);
};
const auto summary = [](std::ostream& out, const TerminalStyle& style) {
  Report both = sample::paired();
  both.partial = true;
  both.diagnostics = sample::workload().diagnostics;
  print_summary(out, both, style);
};

}  // namespace

TEST_CASE("terminal output is as approved") {
  approve("workload_80.txt", text(workload, 80));
  approve("workload_120.txt", text(workload, 120));
  approve("workload_80_ascii.txt", text(workload, 80, false));
  approve("comparison_80.txt", text(comparison, 80));
  approve("comparison_120_color.txt", text(comparison, 120, true, true));
  approve("summary_80.txt", text(summary, 80));
}

TEST_CASE("no line is wider than the terminal") {
  for (int width = 80; width <= 200; width += 5) {
    CHECK(widest(text(workload, width)) <= width);
    CHECK(widest(text(comparison, width)) <= width);
    CHECK(widest(text(summary, width)) <= width);
    CHECK(widest(text(workload, width, false)) <= width);
  }
}

TEST_CASE("plain output has no escape and ASCII output no byte above 127") {
  CHECK(text(workload, 100).find('\033') == std::string::npos);
  CHECK(text(comparison, 100, true, true).find('\033') != std::string::npos);
  for (const auto& t :
       {text(workload, 120, false), text(comparison, 120, false), text(summary, 120, false)}) {
    for (char c : t) REQUIRE(static_cast<unsigned char>(c) < 128);
  }
}

TEST_CASE("missing numbers are dashes with the reason below") {
  const std::string t = text(workload, 200);
  CHECK(t.find("–¹") != std::string::npos);
  CHECK(t.find("hardware counters were not read: no permission") != std::string::npos);
}

TEST_CASE("a workload with nothing in it is printed") {
  Workload empty;
  empty.id = "nothing";
  const auto print = [&](std::ostream& out, const TerminalStyle& s) {
    print_workload(out, empty, s);
  };
  CHECK(text(print, 80) == "nothing\n");
  const auto none = [](std::ostream& out, const TerminalStyle& s) { print_summary(out, {}, s); };
  CHECK(text(none, 80) == "  nothing was measured\n");
}

TEST_CASE("what commands a terminal is escaped, text is not") {
  CHECK(printable("plain, ä – × 漢 😀 \\") == "plain, ä – × 漢 😀 \\");
  CHECK(printable("\x1b[2J\r\n\t\x7f") == "\\x1b[2J\\x0d\\x0a\\x09\\x7f");
  CHECK(printable(std::string_view("\0", 1)) == "\\x00");
  CHECK(printable("\u009b31m \u202e \u2066 \u2028") == "\\u009b31m \\u202e \\u2066 \\u2028");
  CHECK(printable("\xff \xc3") == "\\xff \\xc3");
  CHECK(printable("\xc0\xaf \xed\xa0\x80 \xf5") == "\\xc0\\xaf \\xed\\xa0\\x80 \\xf5");
  CHECK(printable("\xe2\x82") == "\\xe2\\x82");
}

TEST_CASE("nothing from a report reaches the terminal raw") {
  const std::string bad = "\x1b[31m\x07\nNEXT";
  Report report = sample::paired();
  report.diagnostics.push_back({bad, Diagnostic::Level::error, bad, bad});
  for (auto& w : report.workloads) {
    w.id += bad;
    for (auto* metrics : {&w.metrics, &w.ranges[5].metrics}) {
      for (auto& m : *metrics) m.unit += bad, m.reason += bad;
    }
    for (auto& a : w.attributions) {
      a.name += a.name == "native" ? "" : bad;
      for (auto& row : a.rows) {
        row.name += bad;
        for (auto& m : row.metrics) m.unit += bad, m.reason += bad;
      }
    }
    for (auto& r : w.ranges) r.id += bad, r.includes.push_back(bad);
    w.diagnostics = report.diagnostics;
    w.roofline = {{"points", {{{"component", w.attributions[0].rows[0].name}, {"binds", bad}}}}};
  }
  for (auto& c : report.comparisons) {
    c.name += bad;
    c.settings[bad] = bad;
    for (auto& e : c.entries) {
      e.workload += bad, e.range += bad, e.metric += bad, e.unit += bad, e.reason += bad;
    }
  }
  std::ostringstream out;
  const TerminalStyle style{false, true, 160};
  for (const auto& w : report.workloads) print_workload(out, w, style);
  for (const auto& c : report.comparisons) print_comparison(out, c, style);
  print_summary(out, report, style);
  const std::string text = out.str();
  CHECK(text.find("\\x1b[31m") != std::string::npos);
  CHECK(text.find('\x1b') == std::string::npos);
  CHECK(text.find('\x07') == std::string::npos);
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.rfind("NEXT", 0) == 0) FAIL(line);
  }
}
