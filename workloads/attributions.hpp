#pragma once

#include <vector>

#include "reports/attribution.hpp"

namespace ssmprof::workloads {

/// The ways a report groups components, each a partition (what has no row is "other"):
///   native  every component for itself
///   design  projection, conv, ssm, gating: the parts of the architecture
///   paper   the five rows of PerfMamba (arXiv 2511.22849)
/// A range that fuses several components counts where its own component belongs.
const std::vector<reports::AttributionSpec>& attributions();

}  // namespace ssmprof::workloads
