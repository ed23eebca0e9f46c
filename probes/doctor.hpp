#pragma once

#include <string>
#include <vector>

namespace ssmprof::probes {

/// One thing that decides what can be measured here.
struct Check {
  enum Level { ok, warning, missing };
  std::string name;
  Level level = ok;
  std::string finding;  ///< one line
  std::string hint;     ///< what to do; may be empty
};

/// Looks at the build, the processor, the GPU, the driver and the profiling libraries. Changes
/// nothing; takes well under a second without a GPU.
std::vector<Check> diagnose();

}  // namespace ssmprof::probes
