#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace ssmprof::reports {

/// Metric id → {unit, class, definition, source, additive} (reports/data/definitions.json).
const nlohmann::json& metric_definitions();

/// An embedded data file of this library by its stem: "policy", "definitions", "report.schema".
const std::string& data_file(const std::string& stem);

}  // namespace ssmprof::reports
