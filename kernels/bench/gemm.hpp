#pragma once

namespace ssmprof::kernels::bench {

/// FLOP per second of a large bf16 matrix product on the current device, by the cuBLAS library that
/// the loader finds; 0 when there is none. Waits.
double measure_gemm();

}  // namespace ssmprof::kernels::bench
