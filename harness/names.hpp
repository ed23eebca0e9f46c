#pragma once

#include <string>
#include <utility>
#include <vector>

namespace ssmprof::harness {

/// "a, b and c"
std::string listed(const std::vector<std::string>& names, const char* conjunction = "and");

/// Splits at commas and drops repeats; throws reports::InputError on an empty part.
std::vector<std::string> parse_names(const std::string& option, const std::string& text);

/// Throws reports::InputError naming the option, the unknown value and the known ones.
[[noreturn]] void refuse_name(const std::string& option, const std::string& value,
                              const std::vector<std::string>& known);

/// Looks `value` up in a table of (name, meaning).
template <typename T>
T parse_name(const std::string& option, const std::string& value,
             const std::vector<std::pair<std::string, T>>& table) {
  std::vector<std::string> known;
  for (const auto& [name, meaning] : table) {
    if (name == value) return meaning;
    known.push_back(name);
  }
  refuse_name(option, value, known);
}

}  // namespace ssmprof::harness
