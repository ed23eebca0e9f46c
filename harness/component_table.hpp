#pragma once

#include <ostream>
#include <vector>

#include "workloads/component_errors.hpp"

namespace ssmprof::harness {

/// One line per component, result and stage, components in the order of a block: verdict ("ok",
/// "FAIL", or "-" without a limit), names, error, rounding, limit and layer. True when none fails;
/// false also when there is nothing to show.
bool write_component_table(std::ostream& out, std::vector<workloads::ComponentError> errors);

}  // namespace ssmprof::harness
