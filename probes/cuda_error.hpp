#pragma once

// For sources that are compiled with CUDA only.
#include <cuda_runtime_api.h>
#include <string>

#include "reports/error.hpp"

namespace ssmprof::probes {

/// Throws reports::EnvironmentError naming the call.
inline void check_cuda(cudaError_t status, const char* call) {
  if (status == cudaSuccess) return;
  cudaGetLastError();
  throw reports::EnvironmentError(std::string(call) + " failed: " + cudaGetErrorString(status) +
                                  "; see ssmprof doctor");
}

}  // namespace ssmprof::probes
