#include "reports/terminal_text.hpp"

#include <algorithm>

#include "reports/units.hpp"

namespace ssmprof::reports {

std::string Footnotes::mark(const std::string& reason) {
  auto found = std::find(reasons_.begin(), reasons_.end(), reason);
  if (found == reasons_.end()) found = reasons_.insert(reasons_.end(), reason);
  const std::string number = std::to_string(found - reasons_.begin() + 1);
  if (!style_.unicode) return "[" + number + "]";
  static const char* const digits[] = {"⁰", "¹", "²", "³", "⁴", "⁵", "⁶", "⁷", "⁸", "⁹"};
  std::string mark;
  for (char c : number) mark += digits[c - '0'];
  return mark;
}

void Footnotes::print(std::ostream& out) const {
  Footnotes again(style_);
  for (const auto& reason : reasons_) {
    const std::string mark = again.mark(reason);
    const std::string margin(static_cast<std::size_t>(display_width(mark)) + 3, ' ');
    bool first = true;
    for (const auto& line :
         wrapped(printable(reason), style_.width - static_cast<int>(margin.size()))) {
      out << inked((first ? "  " + mark + " " : margin) + line, Ink::dim, style_) << '\n';
      first = false;
    }
  }
}

std::string metric_text(const Metric* metric, Footnotes& notes, const TerminalStyle& style) {
  if (metric == nullptr) return "";
  if (metric->value) return human(*metric->value, metric->unit, style.unicode);
  const std::string reason = metric->reason.empty() ? "not measured" : metric->reason;
  return (style.unicode ? "–" : "-") + notes.mark(reason);
}

std::string half_width_text(const Metric* metric) {
  if (metric == nullptr || !metric->value || !metric->interval || *metric->value == 0) return "";
  const double half =
      std::max(metric->interval->high - *metric->value, *metric->value - metric->interval->low);
  return human_percent(half / *metric->value);
}

const char* separator(const TerminalStyle& style) {
  return style.unicode ? " · " : " | ";
}

void print_parts(std::ostream& out, const std::string& name, int label_width,
                 const std::vector<std::string>& parts, const TerminalStyle& style) {
  const std::string label = printable(name);
  const std::string padding(
      static_cast<std::size_t>(std::max(0, label_width - display_width(label))), ' ');
  std::string line;
  bool first = true;
  const auto flush = [&] {
    const std::string head = first ? inked(label, Ink::dim, style) + padding
                                   : std::string(static_cast<std::size_t>(label_width), ' ');
    out << "  " << head << line << '\n';
    line.clear();
    first = false;
  };
  for (const auto& raw : parts) {
    const std::string part = printable(raw);
    const int needed = 2 + label_width + display_width(line) + 3 + display_width(part);
    if (!line.empty() && needed > style.width) flush();
    line += (line.empty() ? "" : separator(style)) + part;
  }
  if (!line.empty()) flush();
}

void print_diagnostics(std::ostream& out, const std::vector<Diagnostic>& diagnostics,
                       const TerminalStyle& style) {
  for (const auto& d : diagnostics) {
    using Level = Diagnostic::Level;
    const char* name = d.level == Level::error     ? "error"
                       : d.level == Level::warning ? "warning"
                                                   : "note";
    const Ink ink = d.level == Level::error     ? Ink::red
                    : d.level == Level::warning ? Ink::yellow
                                                : Ink::blue;
    const std::string arrow = style.unicode ? " → " : " -> ";
    const std::string text =
        d.message + (d.hint.empty() ? "" : arrow + d.hint) + " [" + d.rule + "]";
    const int margin = 2 + display_width(name) + 2;
    bool first = true;
    for (const auto& line : wrapped(printable(text), style.width - margin)) {
      out << (first ? "  " + inked(name, ink, style) + ": "
                    : std::string(static_cast<std::size_t>(margin), ' '))
          << line << '\n';
      first = false;
    }
  }
}

TerminalStyle clamped(TerminalStyle style) {
  style.width = std::clamp(style.width, 60, 200);
  return style;
}

Ink ink_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::improved:
      return Ink::green;
    case Verdict::same:
      return Ink::dim;
    case Verdict::regressed:
      return Ink::red;
    case Verdict::missing:
      return Ink::red;
    case Verdict::ambiguous:
      return Ink::yellow;
    case Verdict::added:
      return Ink::blue;
    case Verdict::incomparable:
      return Ink::magenta;
  }
  return Ink::plain;
}

}  // namespace ssmprof::reports
