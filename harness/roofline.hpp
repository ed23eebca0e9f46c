#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "reports/report.hpp"
#include "workloads/ceilings.hpp"
#include "workloads/range.hpp"

namespace ssmprof::harness {

/// Least time for `cost` under the ceilings: max(FLOP / GEMM rate, bytes / copy bandwidth).
/// Empty when a ceiling is missing.
std::optional<double> floor_time(const kernels::Cost& cost, const workloads::Ceilings& ceilings);

/// Σ over leaves of floor_time: no run of this step is much faster with these ceilings.
std::optional<double> floor_time(const std::vector<workloads::RangeSpec>& ranges,
                                 const workloads::Ceilings& ceilings);

/// The workload's roofline: ceilings, and per native component its intensity, floor, measured
/// time over floor and which ceiling binds. Reads the native attribution.
nlohmann::json roofline(const reports::Workload& workload,
                        const std::vector<workloads::RangeSpec>& ranges,
                        const workloads::Ceilings& ceilings);

}  // namespace ssmprof::harness
