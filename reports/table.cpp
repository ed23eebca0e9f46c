#include "reports/table.hpp"

#include <algorithm>

#include "reports/terminal_text.hpp"

namespace ssmprof::reports {
namespace {

constexpr int kIndent = 2;
constexpr int kGap = 2;

const char* code(Ink ink) {
  switch (ink) {
    case Ink::plain:
      return "";
    case Ink::bold:
      return "1";
    case Ink::dim:
      return "2";
    case Ink::red:
      return "31";
    case Ink::green:
      return "32";
    case Ink::yellow:
      return "33";
    case Ink::blue:
      return "34";
    case Ink::magenta:
      return "35";
    case Ink::cyan:
      return "36";
  }
  return "";
}

std::string spaces(int n) {
  return std::string(static_cast<std::size_t>(std::max(n, 0)), ' ');
}

/// Byte offset of each code point, and the end.
std::vector<std::size_t> code_points(const std::string& text) {
  std::vector<std::size_t> starts;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if ((static_cast<unsigned char>(text[i]) & 0xC0U) != 0x80U) starts.push_back(i);
  }
  starts.push_back(text.size());
  return starts;
}

}  // namespace

std::string inked(const std::string& text, Ink ink, const TerminalStyle& style) {
  if (!style.color || ink == Ink::plain || text.empty()) return text;
  return std::string("\033[") + code(ink) + "m" + text + "\033[0m";
}

int display_width(const std::string& text) {
  return static_cast<int>(code_points(text).size()) - 1;
}

std::string shortened(const std::string& raw, int width, const TerminalStyle& style) {
  const std::string text = printable(raw);
  const int have = display_width(text);
  if (have <= width) return text;
  const std::string dots = style.unicode ? "…" : "..";
  const int keep = std::max(width - display_width(dots), 0);
  const int head = (keep + 1) / 2;
  const auto starts = code_points(text);
  return text.substr(0, starts[static_cast<std::size_t>(head)]) + dots +
         text.substr(starts[static_cast<std::size_t>(have - (keep - head))]);
}

std::vector<std::string> wrapped(const std::string& text, int width) {
  std::vector<std::string> lines;
  std::string line;
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t end = std::min(text.find(' ', at), text.size());
    const std::string word = text.substr(at, end - at);
    at = end + 1;
    if (word.empty()) continue;
    if (!line.empty() && display_width(line) + 1 + display_width(word) > width) {
      lines.push_back(line);
      line.clear();
    }
    line += (line.empty() ? "" : " ") + word;
  }
  if (!line.empty()) lines.push_back(line);
  return lines;
}

void Table::add(std::vector<Cell> row) {
  row.resize(columns_.size());
  for (auto& cell : row) cell.text = printable(cell.text);
  rows_.push_back(std::move(row));
}

void Table::add_rule() {
  rows_.emplace_back();
}

std::vector<int> Table::widths() const {
  std::vector<int> widths;
  for (std::size_t c = 0; c < columns_.size(); ++c) {
    int width = 0;
    for (const auto& row : rows_) {
      if (!row.empty()) width = std::max(width, display_width(row[c].text));
    }
    // A column without a single entry says nothing.
    widths.push_back(width == 0 ? 0 : std::max(width, display_width(columns_[c].header)));
  }
  return widths;
}

int Table::total_width(const std::vector<bool>& shown) const {
  const auto all = widths();
  int sum = kIndent - kGap;
  for (std::size_t c = 0; c < all.size(); ++c) sum += shown[c] ? all[c] + kGap : 0;
  return sum;
}

std::vector<bool> Table::shown(const TerminalStyle& style) const {
  std::vector<bool> shown;
  for (int width : widths()) shown.push_back(width > 0);
  while (total_width(shown) > style.width) {
    std::size_t drop = columns_.size();
    for (std::size_t c = 0; c < columns_.size(); ++c) {
      if (!shown[c] || columns_[c].priority == 0) continue;
      if (drop == columns_.size() || columns_[c].priority >= columns_[drop].priority) drop = c;
    }
    if (drop == columns_.size()) break;
    shown[drop] = false;
  }
  return shown;
}

void Table::print(std::ostream& out, const TerminalStyle& style) const {
  const auto shown = this->shown(style);
  auto widths = this->widths();
  const int total = std::min(total_width(shown), style.width);
  if (const int excess = total_width(shown) - style.width; excess > 0 && !widths.empty()) {
    widths[0] = std::max(8, widths[0] - excess);
  }
  const auto print_row = [&](auto&& cell_at) {
    std::string line = spaces(kIndent);
    int pending = 0;
    for (std::size_t c = 0; c < columns_.size(); ++c) {
      if (!shown[c]) continue;
      const Cell cell = cell_at(c);
      const std::string text = shortened(cell.text, widths[c], style);
      const int pad = widths[c] - display_width(text);
      if (!columns_[c].left) pending += pad;
      if (!text.empty()) {
        line += spaces(pending) + inked(text, cell.ink, style);
        pending = 0;
      }
      if (columns_[c].left) pending += pad;
      pending += kGap;
    }
    out << line << '\n';
  };
  print_row([&](std::size_t c) { return Cell{columns_[c].header, Ink::dim}; });
  for (const auto& row : rows_) {
    if (row.empty()) {
      std::string rule;
      for (int i = kIndent; i < total; ++i) rule += style.unicode ? "─" : "-";
      out << spaces(kIndent) << inked(rule, Ink::dim, style) << '\n';
    } else {
      print_row([&](std::size_t c) { return row[c]; });
    }
  }
}

}  // namespace ssmprof::reports
