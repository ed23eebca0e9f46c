#pragma once

#include <ostream>

#include "reports/report.hpp"

namespace ssmprof::reports {

struct TerminalStyle {
  bool color = false;
  bool unicode = true;
  int width = 100;  ///< columns; clamped to 60 … 200
};

/// A workload's main figures, its components as a table with share bars, the other attributions in
/// short, and what went wrong.
void print_workload(std::ostream& out, const Workload& workload, const TerminalStyle& style);

/// Baseline, candidate, ratio with interval, ratio of the floors and verdict per component.
void print_comparison(std::ostream& out, const Comparison& comparison, const TerminalStyle& style);

/// A line per workload or comparison, and the report's diagnostics.
void print_summary(std::ostream& out, const Report& report, const TerminalStyle& style);

}  // namespace ssmprof::reports
