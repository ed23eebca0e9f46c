#pragma once

// For sources of probes/cupti only.
#include <cuda.h>
#include <cuda_runtime_api.h>
#include <string>

#include "probes/cuda_error.hpp"

namespace ssmprof::probes::cupti {

/// A function of the driver, found at run time: the program starts where there is no libcuda.
template <typename Function>
Function driver_function(const char* name) {
  void* found = nullptr;
  cudaDriverEntryPointQueryResult status{};
  check_cuda(cudaGetDriverEntryPointByVersion(name, &found, 12000, cudaEnableDefault, &status),
             "cudaGetDriverEntryPointByVersion");
  if (status != cudaDriverEntryPointSuccess || found == nullptr) {
    throw reports::EnvironmentError(std::string("the driver has no ") + name +
                                    ": update the NVIDIA driver");
  }
  return reinterpret_cast<Function>(found);
}

/// The primary context of a device, made current on this thread.
inline CUcontext current_context(int device) {
  check_cuda(cudaSetDevice(device), "cudaSetDevice");
  check_cuda(cudaFree(nullptr), "cudaFree");
  CUcontext context = nullptr;
  using Get = CUresult (*)(CUcontext*);
  if (driver_function<Get>("cuCtxGetCurrent")(&context) != CUDA_SUCCESS || context == nullptr) {
    throw reports::EnvironmentError("no CUDA context on device " + std::to_string(device) +
                                    "; see ssmprof doctor");
  }
  return context;
}

}  // namespace ssmprof::probes::cupti
