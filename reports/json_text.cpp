#include "reports/json_text.hpp"

#include <algorithm>

namespace ssmprof::reports {
namespace {

using Json = nlohmann::ordered_json;

bool on_one_line(const Json& value) {
  if (value.is_object()) return value.empty() || value.contains("unit") || value.contains("grid");
  if (!value.is_array()) return true;
  return std::none_of(value.begin(), value.end(), [](const Json& v) { return v.is_structured(); });
}

std::string compact(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

void write(const Json& value, std::size_t depth, std::string& text) {
  if (on_one_line(value)) {
    text += compact(value);
    return;
  }
  text += value.is_object() ? '{' : '[';
  const char* separator = "\n";
  for (const auto& item : value.items()) {
    text += separator + std::string(depth + 1, ' ');
    if (value.is_object()) text += compact(item.key()) + ": ";
    write(item.value(), depth + 1, text);
    separator = ",\n";
  }
  text += '\n' + std::string(depth, ' ') + (value.is_object() ? '}' : ']');
}

}  // namespace

std::string json_text(const Json& document) {
  std::string text;
  write(document, 0, text);
  return text + '\n';
}

}  // namespace ssmprof::reports
