#pragma once

#include "kernels/bench/kernel_case.hpp"

namespace ssmprof::kernels::bench {

/// The rate of a large copy in host memory by `threads` threads (0: all); the rest is 0, unknown.
Rates measure_host_rates(int threads);

}  // namespace ssmprof::kernels::bench
