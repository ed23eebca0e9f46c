#pragma once

#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "reports/report.hpp"
#include "reports/table.hpp"

namespace ssmprof::reports {

/// Text from a file made fit for a terminal and for one line: control characters (C0, DEL, C1), the
/// marks that turn the direction of text, line separators and bytes that are no UTF-8 become \xNN
/// or \uNNNN. Everything else stays as it is.
std::string printable(std::string_view text);

/// Numbers the reasons behind missing values and prints them below a table.
class Footnotes {
 public:
  explicit Footnotes(const TerminalStyle& style) : style_(style) {}
  /// The mark of this reason: "¹" or "[1]"; the same reason has the same mark.
  std::string mark(const std::string& reason);
  void print(std::ostream& out) const;

 private:
  TerminalStyle style_;
  std::vector<std::string> reasons_;
};

/// The metric's value for people; "–" with a footnote when it is missing, "" when there is none.
std::string metric_text(const Metric* metric, Footnotes& notes, const TerminalStyle& style);

/// Half-width of the interval against the value, "0.52 %"; "" without one.
std::string half_width_text(const Metric* metric);

/// The sign between the parts of a line, "·" or "|".
const char* separator(const TerminalStyle& style);

/// Prints parts joined by separators, broken between parts, indented below `label`.
void print_parts(std::ostream& out, const std::string& label, int label_width,
                 const std::vector<std::string>& parts, const TerminalStyle& style);

void print_diagnostics(std::ostream& out, const std::vector<Diagnostic>& diagnostics,
                       const TerminalStyle& style);

TerminalStyle clamped(TerminalStyle style);

/// The colour that a verdict is shown in.
Ink ink_of(Verdict verdict);

}  // namespace ssmprof::reports
