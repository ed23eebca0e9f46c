#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
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

/// Seconds that each resource alone would need for what a component did. From counters where the
/// run has them, else from the formulas:
///   dram    (dram_read + dram_write, or bytes_min) / measured copy rate
///   tensor  flops_tensor / measured GEMM rate
///   fp32    (flops_issued - flops_tensor) / peak_fp32
///   mufu    transcendentals_issued / peak_transcendentals
///   issue   instructions_issued / peak_instructions
///   compute flops / measured GEMM rate, only where tensor and fp32 are not known
/// `row` is the component's row of an attribution, `whole` the workload's metrics.
std::map<std::string, double> limits(const std::vector<reports::Metric>& row,
                                     const std::vector<reports::Metric>& whole,
                                     const workloads::Ceilings& ceilings);

/// What holds a component back, by its limits and its measured times (s).
struct Binding {
  std::optional<std::string> limit;  ///< a limit, "launch" or "latency"; empty: see reason
  std::optional<double> share;       ///< the longest limit / time that kernels ran
  std::string reason;                ///< why there is no limit
};

/// "launch" where kernels ran (`kernel_time`) for less than half of the time; else the longest
/// limit, when it is at least half of the time that kernels ran, and "latency" when nothing is used
/// up. `time` stands for `kernel_time` where that is not known. A limit above it binds nothing: the
/// ceiling that it stands on was exceeded.
Binding binding(const std::map<std::string, double>& limits, std::optional<double> time,
                std::optional<double> kernel_time);

/// The workload's roofline: ceilings, measured and of the hardware, and per native component its
/// intensity, floor, measured time over floor, limits and what binds. Reads the native
/// attribution.
nlohmann::json roofline(const reports::Workload& workload,
                        const std::vector<workloads::RangeSpec>& ranges,
                        const workloads::Ceilings& ceilings);

}  // namespace ssmprof::harness
