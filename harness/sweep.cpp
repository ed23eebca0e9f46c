#include "harness/sweep.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <sstream>

#include "reports/error.hpp"

namespace ssmprof::harness {
namespace {

constexpr std::int64_t kLargest = std::int64_t{1} << 40;
constexpr std::size_t kMostValues = 1000;

std::optional<std::int64_t> positive(const std::string& text) {
  std::int64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc{} || stop != end || value < 1 || value > kLargest) return std::nullopt;
  return value;
}

[[noreturn]] void refuse(const std::string& option, const std::string& part,
                         const std::string& why) {
  throw reports::InputError(option + ": '" + part + "' " + why +
                            ": give positive integers like 1,8 or a sweep like 64:4096:x2 or "
                            "64:256:+64");
}

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::string part;
  std::istringstream stream(text);
  while (std::getline(stream, part, separator)) parts.push_back(part);
  if (text.empty() || text.back() == separator) parts.emplace_back();
  return parts;
}

std::vector<std::int64_t> expand(const std::string& option, const std::string& part) {
  const auto fields = split(part, ':');
  if (fields.size() == 1) {
    const auto value = positive(part);
    if (!value) refuse(option, part, "is not a positive integer");
    return {*value};
  }
  if (fields.size() != 3 || fields[2].size() < 2) refuse(option, part, "is not a sweep");
  const auto first = positive(fields[0]);
  const auto last = positive(fields[1]);
  const auto step = positive(fields[2].substr(1));
  const char kind = fields[2].front();
  if (!first || !last || !step || (kind != 'x' && kind != '+')) {
    refuse(option, part, "is not a sweep");
  }
  if (*last < *first) refuse(option, part, "ends before it starts");
  if (kind == 'x' && *step < 2) refuse(option, part, "never ends");
  std::vector<std::int64_t> values;
  for (std::int64_t v = *first; v <= *last; v = kind == 'x' ? v * *step : v + *step) {
    values.push_back(v);
    if (values.size() > kMostValues) refuse(option, part, "has more than 1000 values");
    if (kind == 'x' && v > kLargest / *step) break;
  }
  return values;
}

}  // namespace

std::vector<std::int64_t> parse_sweep(const std::string& option, const std::string& text) {
  std::vector<std::int64_t> values;
  for (const auto& part : split(text, ',')) {
    for (const auto value : expand(option, part)) {
      if (std::find(values.begin(), values.end(), value) == values.end()) values.push_back(value);
    }
  }
  return values;
}

}  // namespace ssmprof::harness
