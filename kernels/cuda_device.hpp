#pragma once

#include <string>

namespace ssmprof::kernels {

/// CUDA devices this process can use; 0 without a driver or when built without CUDA.
int cuda_device_count();

/// Why cuda_device_count() is 0, in a few words; empty otherwise.
std::string why_no_cuda_device();

}  // namespace ssmprof::kernels
