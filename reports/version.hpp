#pragma once

#include <optional>
#include <string>

namespace ssmprof::reports {

/// A semantic version of a format. (`major` and `minor` are macros of some C libraries.)
struct Version {
  int major_number = 0, minor_number = 0, patch_number = 0;
};

/// Reads "1.2.3", three plain numbers and nothing else; nothing when the text is no such version.
std::optional<Version> parse_version(const std::string& text);

}  // namespace ssmprof::reports
