#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ssmprof::harness {

/// A CSV text after RFC 4180: quoted fields, doubled quotes, line breaks inside quotes.
struct CsvTable {
  std::vector<std::string> header;
  std::vector<std::vector<std::string>> rows;  ///< each as long as the header

  /// The first column whose name contains `part`.
  std::optional<std::size_t> column_containing(std::string_view part) const;
};

/// Lines before the first that starts with `first_field` in quotes or plain are skipped: tools
/// print notices there. Throws reports::InputError naming `where` and the line.
CsvTable parse_csv(std::string_view text, std::string_view first_field, const std::string& where);

}  // namespace ssmprof::harness
