#include "probes/gpu.hpp"

#if SSMPROF_HAS_CUDA
#include <cuda_runtime_api.h>
#endif

namespace ssmprof::probes {

#if SSMPROF_HAS_CUDA

std::optional<Gpu> find_gpu(int index, std::string& reason) {
  int count = 0;
  if (const auto status = cudaGetDeviceCount(&count); status != cudaSuccess) {
    cudaGetLastError();
    reason = cuda_driver_version() == 0 ? "no NVIDIA driver" : cudaGetErrorString(status);
    return {};
  }
  if (index < 0 || index >= count) {
    reason =
        "no CUDA device " + std::to_string(index) + " (there are " + std::to_string(count) + ")";
    return {};
  }
  cudaDeviceProp properties{};
  if (const auto status = cudaGetDeviceProperties(&properties, index); status != cudaSuccess) {
    cudaGetLastError();
    reason = cudaGetErrorString(status);
    return {};
  }
  Gpu gpu;
  gpu.index = index;
  gpu.name = properties.name;
  gpu.major = properties.major;
  gpu.minor = properties.minor;
  gpu.multiprocessors = properties.multiProcessorCount;
  gpu.max_threads_per_multiprocessor = properties.maxThreadsPerMultiProcessor;
  gpu.max_blocks_per_multiprocessor = properties.maxBlocksPerMultiProcessor;
  gpu.registers_per_multiprocessor = properties.regsPerMultiprocessor;
  gpu.shared_per_multiprocessor = properties.sharedMemPerMultiprocessor;
  gpu.reserved_shared_per_block = properties.reservedSharedMemPerBlock;
  gpu.memory = properties.totalGlobalMem;
  gpu.l2 = static_cast<std::uint64_t>(properties.l2CacheSize);
  char bus[32] = "";
  if (cudaDeviceGetPCIBusId(bus, sizeof bus, index) == cudaSuccess) gpu.pci_bus_id = bus;
  return gpu;
}

int cuda_runtime_version() {
  int version = 0;
  return cudaRuntimeGetVersion(&version) == cudaSuccess ? version : 0;
}

int cuda_driver_version() {
  int version = 0;
  return cudaDriverGetVersion(&version) == cudaSuccess ? version : 0;
}

#else

std::optional<Gpu> find_gpu(int, std::string& reason) {
  reason = "built without CUDA";
  return {};
}

int cuda_runtime_version() {
  return 0;
}
int cuda_driver_version() {
  return 0;
}

#endif

std::string cuda_version_text(int version) {
  if (version == 0) return "none";
  return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

}  // namespace ssmprof::probes
