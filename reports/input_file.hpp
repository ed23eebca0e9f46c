#pragma once

#include <filesystem>
#include <string>

namespace ssmprof::reports {

/// Throws InputError, one line naming the path and why, unless it is a regular file or a link to
/// one: a pipe given by mistake must not hang. `wanted` ends "name …", e.g. "a JSON file".
void require_regular_file(const std::filesystem::path& path, const std::string& wanted);

}  // namespace ssmprof::reports
