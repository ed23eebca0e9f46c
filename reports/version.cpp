#include "reports/version.hpp"

#include <charconv>

namespace ssmprof::reports {

std::optional<Version> parse_version(const std::string& text) {
  Version version;
  const char* at = text.data();
  const char* const end = at + text.size();
  for (int* part : {&version.major_number, &version.minor_number, &version.patch_number}) {
    if (part != &version.major_number && (at == end || *at++ != '.')) return {};
    const auto [stop, error] = std::from_chars(at, end, *part);
    if (error != std::errc{} || *part < 0 || *at == '-' || (*at == '0' && stop != at + 1))
      return {};
    at = stop;
  }
  if (at != end) return {};
  return version;
}

}  // namespace ssmprof::reports
