#include "reports/units.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

namespace ssmprof::reports {
namespace {

std::string decimals(double value, int digits) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%.*f", digits, value);
  return text.data();
}

/// Digits after the point that leave three significant ones, after rounding.
int decimals_needed(double value, int most) {
  const double magnitude = std::abs(value);
  if (magnitude == 0) return 0;
  const double rounded = std::abs(std::strtod(
      [&] {
        std::array<char, 64> text{};
        std::snprintf(text.data(), text.size(), "%.2e", magnitude);
        return std::string(text.data());
      }()
          .c_str(),
      nullptr));
  return std::clamp(2 - static_cast<int>(std::floor(std::log10(rounded) + 1e-12)), 0, most);
}

std::string binary_bytes(double value) {
  static constexpr std::array<const char*, 6> names = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
  std::size_t i = 0;
  while (std::abs(value) >= 999.5 && i + 1 < names.size()) {
    value /= 1024;
    ++i;
  }
  const std::string number =
      i == 0 && value == std::floor(value) ? decimals(value, 0) : three_digits(value);
  return number + " " + names[i];
}

}  // namespace

std::string three_digits(double value) {
  return decimals(value, decimals_needed(value, 12));
}

std::string human_percent(double fraction) {
  const double value = 100 * fraction;
  return decimals(value, std::min(decimals_needed(value, 2), 2)) + " %";
}

std::string human(double value, const std::string& unit, bool unicode) {
  if (!std::isfinite(value)) return "?";
  if (unit == "B") return binary_bytes(value);
  if (value == 0) return unit == "1" ? "0" : "0 " + unit;
  if (unit == "FLOP/B" || unit == "W") return three_digits(value) + " " + unit;
  static constexpr std::array<const char*, 11> prefixes = {"p", "n", "u", "m", "", "k",
                                                           "M", "G", "T", "P", "E"};
  const bool only_large = unit != "s" && unit != "J";  // no milli-FLOP
  int i = 4;
  const double sign = value < 0 ? -1 : 1;
  double scaled = std::abs(value);
  while (scaled >= 999.5 && i < 10 && unit != "s") {
    scaled /= 1000;
    ++i;
  }
  while (scaled < 0.9995 && i > 0 && !only_large) {
    scaled *= 1000;
    --i;
  }
  const std::string prefix = i == 2 && unicode ? "µ" : prefixes[static_cast<std::size_t>(i)];
  const bool whole = only_large && i == 4 && scaled == std::floor(scaled);
  const std::string number = whole ? decimals(sign * scaled, 0) : three_digits(sign * scaled);
  if (unit == "1") return prefix.empty() ? number : number + " " + prefix;
  return number + " " + prefix + unit;
}

}  // namespace ssmprof::reports
