#include "probes/environment.hpp"

#include <cstdlib>

#include "probes/gpu.hpp"
#include "probes/host.hpp"
#include "probes/nvml.hpp"
#if SSMPROF_HAS_CUDA
#include "probes/cupti/library.hpp"
#endif

namespace ssmprof::probes {

namespace {

template <typename T>
nlohmann::json or_null(const std::optional<T>& value) {
  return value ? nlohmann::json(*value) : nlohmann::json(nullptr);
}

nlohmann::json describe_gpu(int index) {
  std::string reason;
  const auto gpu = find_gpu(index, reason);
  if (!gpu) return nullptr;
  const Nvml nvml(gpu->pci_bus_id);
  return {{"name", gpu->name},
          {"uuid", or_null(nvml.uuid())},
          {"multiprocessors", gpu->multiprocessors},
          {"compute_capability", std::to_string(gpu->major) + "." + std::to_string(gpu->minor)},
          {"memory", gpu->memory},
          {"l2", gpu->l2},
          {"ecc", or_null(nvml.ecc())},
          {"driver", or_null(nvml.driver_version())},
          {"clocks",
           {{"sm_max", or_null(nvml.max_sm_clock())},
            {"memory_max", or_null(nvml.max_memory_clock())},
            {"sm_now", or_null(nvml.sm_clock())}}},
          {"power_limit", or_null(nvml.power_limit())},
          {"mig", or_null(nvml.mig())}};
}

nlohmann::json describe_cuda() {
#if SSMPROF_HAS_CUDA
  const auto library = cupti::loaded_library();
  return {{"runtime", cuda_version_text(cuda_runtime_version())},
          {"driver", cuda_version_text(cuda_driver_version())},
          {"cupti", {{"path", library.path}, {"version", library.version}}},
          {"nvtx", 3}};
#else
  return nullptr;
#endif
}

/// Variables that change what runs or how it is measured; only those that are set.
nlohmann::json describe_flags() {
  nlohmann::json flags = nlohmann::json::object();
  for (const char* name :
       {"OMP_NUM_THREADS", "MKL_NUM_THREADS", "CUDA_VISIBLE_DEVICES", "CUDA_LAUNCH_BLOCKING",
        "CUDA_DEVICE_MAX_CONNECTIONS", "CUDA_MODULE_LOADING", "NVIDIA_TF32_OVERRIDE",
        "CUBLAS_WORKSPACE_CONFIG", "PYTORCH_CUDA_ALLOC_CONF", "NVTX_INJECTION64_PATH",
        "CUDA_INJECTION64_PATH"}) {
    if (const char* value = std::getenv(name)) flags[name] = value;
  }
  return flags;
}

}  // namespace

nlohmann::json describe_environment(const workloads::ExecutionSpec& spec) {
  const auto host = describe_host();
  const bool on_gpu = spec.device == kernels::Device::cuda;
  return {{"cpu", {{"model", host.cpu}, {"cores", host.cores}, {"isa", host.isa}}},
          {"memory", host.memory},
          {"os", host.os},
          {"threads", spec.threads > 0 ? spec.threads : host.cores},
          {"gpu", on_gpu ? describe_gpu(spec.device_index) : nlohmann::json(nullptr)},
          {"cuda", describe_cuda()},
          {"libraries", workloads::host_library_versions()},
          {"flags", describe_flags()}};
}

}  // namespace ssmprof::probes
