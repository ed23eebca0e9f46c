#pragma once

#include "workloads/execution.hpp"

namespace ssmprof::workloads {

/// What this device reaches in this process: the ceilings of a roofline.
struct Ceilings {
  double copy_bytes_per_second = 0;   ///< large copy, bytes read + written; 0: not measured
  double gemm_flops_per_second = 0;   ///< large square matmul in spec.dtype; 0: not measured
  double read_bytes_per_second = 0;   ///< sum over a large array
  double write_bytes_per_second = 0;  ///< fill of a large array
};

/// Measures them with the host library, about half a second on the CPU. Uses device, dtype and
/// threads of `spec`. Without LibTorch all are 0.
Ceilings measure_ceilings(const ExecutionSpec& spec);

}  // namespace ssmprof::workloads
