#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace ssmprof::reports {

/// JSON as text, one space per level, for people and for diffs: lists of numbers and the records
/// that a report has thousands of (metrics, kernels) stand on one line each. Ends with a newline.
/// Bytes that are no UTF-8 are replaced.
std::string json_text(const nlohmann::ordered_json& document);

}  // namespace ssmprof::reports
