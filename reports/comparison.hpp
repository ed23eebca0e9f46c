#pragma once

#include "reports/error.hpp"
#include "reports/policy.hpp"
#include "reports/report.hpp"

namespace ssmprof::reports {

/// Compares every metric of the whole execution (range ""), of each range (its id) and of each
/// row of the native attribution (range "component:ssd").
///
/// paired: both were measured interleaved in one process; samples pair by index. Ratios are median
/// log-ratios with sign-test intervals. Fingerprints are not asked for, and exact metrics count as
/// "less is better", since the two sides are variants by intent.
/// Otherwise: stored runs of the same workload. Ratios of medians with the conservative interval
/// of unpaired_ratio(); settings that differ make entries incomparable (the environments are
/// compare_reports()' concern).
///
/// Verdicts of stochastic metrics need the interval beyond the threshold and Holm's adjusted
/// p-value within a family: whole execution, rows, ranges. Ranges that one side fuses (`includes`)
/// are summed until both sides have the same components.
/// Entries' `floor_ratio` is the caller's to set.
Comparison compare_workloads(const Workload& baseline, const Workload& candidate,
                             const Policy& policy, bool paired);

/// Compares stored runs, workload by workload (same id). The result is of kind comparison; tool
/// and invocation are the caller's to set. Throws InputError when either is not a run.
Report compare_reports(const Report& baseline, const Report& candidate, const Policy& policy,
                       bool strict);

/// 1: regressed, or a range or workload is missing. 4: something (or all) could not be compared,
/// or, with strict, is ambiguous. 0 otherwise.
ExitCode exit_code(const Report& comparison, bool strict);

/// The worst of an entry list: regressed, missing, incomparable, ambiguous, improved, added, same.
Verdict worst_verdict(const std::vector<ComparisonEntry>& entries);

}  // namespace ssmprof::reports
