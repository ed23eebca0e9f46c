#pragma once

#include <memory>
#include <string>
#include <vector>

#include "probes/probe.hpp"

namespace ssmprof::probes {

/// All probes in phase order; within a phase by name.
std::vector<std::unique_ptr<Probe>> ordered_probes();

/// The named probes, in phase order whatever the order of the names; a name given twice counts
/// once. Throws reports::InputError naming the unknown one and the known ones.
std::vector<std::unique_ptr<Probe>> select_probes(const std::vector<std::string>& names);

}  // namespace ssmprof::probes
