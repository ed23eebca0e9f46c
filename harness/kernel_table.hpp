#pragma once

#include "kernels/bench/runner.hpp"

namespace ssmprof::harness {

/// The device's measured rates and the heading of the table, on stdout.
void print_kernel_rates(const kernels::bench::Rates& rates);

/// One line of the table on stdout.
void print_kernel(const kernels::bench::Measurement& measurement);

}  // namespace ssmprof::harness
