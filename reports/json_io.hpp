#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "reports/report.hpp"

namespace ssmprof::reports {

/// The report as JSON (docs/report_schema.md). A number that is not finite becomes null and its
/// metric gets a reason; a whole number is written without a decimal point.
nlohmann::json to_json(const Report& report);

/// The same as indented text, keys in reading order, with a newline at the end.
std::string dump(const Report& report);

/// The inverse of to_json. Throws InputError, one line naming `where` and the JSON path, when the
/// document is no report of this major schema version.
Report report_from_json(const nlohmann::json& document, const std::string& where);

/// Reads a report from a file. Throws InputError when it cannot be read, is truncated, repeats a
/// key, nests too deeply, or is not of the `expected` kind.
Report read_report(const std::filesystem::path& path, std::optional<Report::Kind> expected = {});

/// Reads any JSON file strictly: no repeated keys, limited depth and size. Throws InputError.
nlohmann::json read_json_file(const std::filesystem::path& path);

const char* name_of(MetricClass cls);          ///< "deterministic", "semi_deterministic", …
const char* name_of(Verdict verdict);          ///< "improved", "same", …
const char* name_of(Report::Kind kind);        ///< "run", "comparison"
const char* name_of(Diagnostic::Level level);  ///< "info", "warning", "error"

/// A double as the JSON number it is meant to be: integer when whole, null when not finite.
nlohmann::ordered_json json_number(double value);

}  // namespace ssmprof::reports
