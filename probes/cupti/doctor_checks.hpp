#pragma once

#include <vector>

#include "probes/doctor.hpp"

namespace ssmprof::probes::cupti {

/// CUPTI library, subscription, permission to count, metric sets of this chip.
std::vector<Check> doctor_checks();

}  // namespace ssmprof::probes::cupti
