#include "kernels/cuda_device.hpp"

#if defined(SSMPROF_HAS_CUDA)
#include <cuda_runtime_api.h>
#endif

namespace ssmprof::kernels {

#if defined(SSMPROF_HAS_CUDA)

int cuda_device_count() {
  int count = 0;
  return cudaGetDeviceCount(&count) == cudaSuccess ? count : 0;
}

std::string why_no_cuda_device() {
  int count = 0;
  const cudaError_t status = cudaGetDeviceCount(&count);
  if (status != cudaSuccess) return cudaGetErrorString(status);
  return count > 0 ? "" : "the driver reports no device";
}

#else

int cuda_device_count() {
  return 0;
}
std::string why_no_cuda_device() {
  return "built without CUDA";
}

#endif

}  // namespace ssmprof::kernels
