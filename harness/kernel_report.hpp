#pragma once

#include "kernels/bench/runner.hpp"
#include "reports/report.hpp"

namespace ssmprof::harness {

/// "kernel/scan/native/bf16/batch1-dim5120-seqlen8192-state16" (sizes of 0 are left out)
std::string kernel_workload_id(const kernels::bench::Measurement& measurement);

/// A kernel measurement as a workload of a report: no ranges; every figure beside its floor, its
/// error against fp64 and the rates of the same run.
reports::Workload kernel_workload(const kernels::bench::Measurement& measurement,
                                  const kernels::bench::Rates& rates);

}  // namespace ssmprof::harness
