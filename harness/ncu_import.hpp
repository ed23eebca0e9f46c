#pragma once

#include <map>
#include <string>
#include <vector>

#include "harness/csv_table.hpp"
#include "reports/report.hpp"

namespace ssmprof::harness {

/// What Nsight Compute measured per range of ours: hardware metric → sum over its kernels.
struct NcuRanges {
  std::map<std::string, std::map<std::string, double>> ranges;  ///< range id → metric → value
  std::size_t kernels = 0;                                      ///< rows read
  std::size_t outside = 0;  ///< rows in none of the ranges of the report
};

/// The range id that an NVTX cell of ncu's CSV names: our ranges nest as "forward", "layer.03",
/// "ssd" and appear in that order, between separators. Empty when it names none.
std::string range_of_nvtx(const std::string& cell);

/// Sums the metric columns of `ncu --csv --page raw --print-units base` per range of `workload`.
/// Throws reports::InputError when there is no NVTX column (ncu ran without --nvtx).
NcuRanges join_ncu(const CsvTable& table, const reports::Workload& workload,
                   const std::string& where);

/// Our counters against Nsight Compute's, range by range, for every metric both have. Same when
/// within 0.1 % (operations) or 3 % or the policy's floor (bytes); else regressed, with the
/// difference as reason.
reports::Comparison compare_with_ncu(const reports::Workload& workload, const NcuRanges& ncu,
                                     const std::string& dtype);

/// Hardware metrics that make ncu's numbers comparable with ours, for a run of this data type.
std::vector<std::string> comparable_hardware_metrics(const std::string& dtype);

}  // namespace ssmprof::harness
