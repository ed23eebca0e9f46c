#pragma once

#include <ostream>
#include <string>
#include <vector>

#include "reports/terminal.hpp"

namespace ssmprof::reports {

/// Colour of a piece of text; written only where the style has colour.
enum class Ink { plain, bold, dim, red, green, yellow, blue, magenta, cyan };

/// The text in that colour, or as it is.
std::string inked(const std::string& text, Ink ink, const TerminalStyle& style);

/// Columns that a UTF-8 text takes (code points; none of ours is wide).
int display_width(const std::string& text);

/// The text, made printable, cut in its middle to at most `width` columns.
std::string shortened(const std::string& text, int width, const TerminalStyle& style);

/// Breaks a text at spaces into lines of at most `width` columns.
std::vector<std::string> wrapped(const std::string& text, int width);

struct Cell {
  std::string text;
  Ink ink = Ink::plain;
};

struct Column {
  std::string header;
  bool left = false;  ///< aligned left; numbers stand right
  int priority = 0;   ///< columns of the highest number are dropped first; 0 never is
};

/// A table that fits the terminal: first columns are dropped by priority, then the first column is
/// shortened.
class Table {
 public:
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}
  void add(std::vector<Cell> row);
  void add_rule();  ///< a thin line across
  void print(std::ostream& out, const TerminalStyle& style) const;
  /// Which columns print() shows in this style.
  std::vector<bool> shown(const TerminalStyle& style) const;

 private:
  std::vector<int> widths() const;
  int total_width(const std::vector<bool>& shown) const;

  std::vector<Column> columns_;
  std::vector<std::vector<Cell>> rows_;  ///< empty: a rule
};

}  // namespace ssmprof::reports
