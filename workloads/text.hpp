#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ssmprof::workloads {

/// Text from a file made fit for a one-line message: in double quotes, control characters and
/// invalid UTF-8 escaped, cut after 80 characters.
std::string in_quotes(std::string_view text);

/// The candidate with the smallest edit distance, or "" when none is near.
std::string nearest(std::string_view name, const std::vector<std::string>& candidates);

/// "a, b, c".
std::string join(const std::vector<std::string>& items, std::string_view separator = ", ");

/// "1.5 GiB", "12 B".
std::string bytes_text(double bytes);

}  // namespace ssmprof::workloads
