#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace ssmprof::harness {

std::string tool_version();

/// Remembers the command line and the start time, for the report.
void record_invocation(int argc, const char* const* argv);

/// {"argv": […], "started": ISO 8601 UTC}
nlohmann::json invocation();

/// {"name": "ssmprof", "version": …, "git": …}
nlohmann::json tool_identity();

}  // namespace ssmprof::harness
