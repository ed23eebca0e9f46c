#include "harness/csv_table.hpp"

#include "reports/error.hpp"

namespace ssmprof::harness {
namespace {

/// Reads one record from `at`, which moves behind it. False when a quote never closes.
bool read_record(std::string_view text, std::size_t& at, std::vector<std::string>& fields) {
  fields.assign(1, "");
  bool quoted = false;
  for (; at < text.size(); ++at) {
    const char c = text[at];
    if (quoted) {
      if (c != '"') {
        fields.back() += c;
      } else if (at + 1 < text.size() && text[at + 1] == '"') {
        fields.back() += '"';
        ++at;
      } else {
        quoted = false;
      }
    } else if (c == '"') {
      quoted = true;
    } else if (c == ',') {
      fields.emplace_back();
    } else if (c == '\n') {
      ++at;
      return true;
    } else if (c != '\r') {
      fields.back() += c;
    }
  }
  return !quoted;
}

std::size_t find_header(std::string_view text, std::string_view first_field) {
  const std::string quoted = '"' + std::string(first_field) + '"';
  for (std::size_t at = 0; at < text.size();) {
    const auto line = text.substr(at);
    if (line.starts_with(quoted) || line.starts_with(std::string(first_field) + ',')) return at;
    const auto end = text.find('\n', at);
    if (end == std::string_view::npos) break;
    at = end + 1;
  }
  return std::string_view::npos;
}

}  // namespace

std::optional<std::size_t> CsvTable::column_containing(std::string_view part) const {
  for (std::size_t i = 0; i < header.size(); ++i) {
    if (header[i].find(part) != std::string::npos) return i;
  }
  return std::nullopt;
}

CsvTable parse_csv(std::string_view text, std::string_view first_field, const std::string& where) {
  std::size_t at = find_header(text, first_field);
  if (at == std::string_view::npos) {
    throw reports::InputError(where + ": no line starts with the column '" +
                              std::string(first_field) + "': is this the CSV it should be?");
  }
  CsvTable table;
  std::vector<std::string> fields;
  bool first = true;
  while (at < text.size()) {
    if (!read_record(text, at, fields)) {
      throw reports::InputError(where + ": a quote is never closed: the file is truncated");
    }
    if (fields.size() == 1 && fields[0].empty()) continue;
    if (first) {
      table.header = fields;
    } else if (fields.size() != table.header.size()) {
      throw reports::InputError(where + ": record " + std::to_string(table.rows.size() + 1) +
                                " has " + std::to_string(fields.size()) + " fields, the header " +
                                std::to_string(table.header.size()));
    } else {
      table.rows.push_back(fields);
    }
    first = false;
  }
  return table;
}

}  // namespace ssmprof::harness
