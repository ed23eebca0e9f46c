#pragma once

#include <string>

namespace ssmprof::reports {

/// A value in SI base units for people: three significant digits and a prefix, "1.23 ms",
/// "456 GFLOP/s", "12.3 MiB" (bytes with binary prefixes, bytes per second with decimal ones).
/// `unicode` false writes "us" for µs. Not finite: "?".
std::string human(double value, const std::string& unit, bool unicode = true);

/// Three significant digits, no prefix: "0.0123", "1.23", "123", "12300".
std::string three_digits(double value);

/// "41.2 %", with three significant digits but no more than two decimals.
std::string human_percent(double fraction);

}  // namespace ssmprof::reports
