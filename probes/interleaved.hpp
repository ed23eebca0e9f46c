#pragma once

#include <vector>

#include "probes/probe.hpp"

namespace ssmprof::probes {

/// Times one or several variants in one process. Each round runs every variant three ways: plain
/// (the whole forward), instrumented (its ranges) and to the token on the host; odd rounds go
/// through the variants backward (ABBA). Samples are aligned by index across the variants, and an
/// unfinished round is dropped.
///
/// Stops when the interval of the median of every variant's plain time is narrower than
/// options.target_interval and the minimum count is reached (min_samples, and 20 with several
/// variants), at max_samples, after enough_seconds per variant with the minimum count, after
/// max_seconds per variant, or when interrupted. Too few samples for the minimum are said in a
/// diagnostic.
///
/// On CUDA, with several variants, the L2 is overwritten before every run so that no variant finds
/// what another left; a single variant runs back to back, as a decode loop does.
///
/// Adds to targets[i]: `time` per leaf and, as the sum of their leaves, per group; on the workload
/// `time`, `time_other`, `ttft` or `tpot`, `tokens_per_second`, `flops_per_second` and
/// `bytes_per_second`.
/// Both vectors have one length; targets[i]->ranges is laid out as executions[i]->ranges().
void measure_interleaved(const std::vector<workloads::Execution*>& executions,
                         const ProbeOptions& options,
                         const std::vector<reports::Workload*>& targets);

/// Every number that measure_interleaved adds, absent for a reason.
void put_missing_times(bool prefill, const std::string& reason, reports::Workload& target);

}  // namespace ssmprof::probes
