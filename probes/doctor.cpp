#include "probes/doctor.hpp"

#include <cstdio>
#include <cstdlib>
#include <utility>

#include "probes/gpu.hpp"
#include "probes/host.hpp"
#include "probes/nvml.hpp"
#include "workloads/execution.hpp"
#if SSMPROF_HAS_CUDA
#include "probes/cupti/doctor_checks.hpp"
#endif

namespace ssmprof::probes {

namespace {

std::string gibibytes(std::uint64_t bytes) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f GiB", static_cast<double>(bytes) / (1 << 30));
  return text;
}

void check_build(std::vector<Check>& checks) {
  const auto libraries = workloads::host_library_versions();
  const auto torch = libraries.find("libtorch");
  checks.push_back({"LibTorch", torch != libraries.end() ? Check::ok : Check::missing,
                    torch != libraries.end() ? torch->second : "built without LibTorch: no models",
                    torch != libraries.end() ? "" : "configure with -DSSMPROF_TORCH=ON"});
  checks.push_back({"CUDA", built_with_cuda() ? Check::ok : Check::missing,
                    built_with_cuda()
                        ? "built with CUDA " + cuda_version_text(cuda_runtime_version())
                        : "built without CUDA: CPU only",
                    built_with_cuda() ? "" : "configure with -DSSMPROF_CUDA=ON and nvcc on PATH"});
}

void check_host(std::vector<Check>& checks) {
  const auto host = describe_host();
  checks.push_back(
      {"CPU", Check::ok, host.cpu + ", " + std::to_string(host.cores) + " cores, " + host.isa, ""});
  const bool little = host.memory_available < (std::uint64_t{2} << 30);
  checks.push_back({"memory", little ? Check::warning : Check::ok,
                    gibibytes(host.memory_available) + " available of " + gibibytes(host.memory),
                    little ? "a 130m model in fp32 needs about 2 GiB" : ""});
}

void check_nvml(const Gpu& gpu, std::vector<Check>& checks) {
  const Nvml nvml(gpu.pci_bus_id);
  if (!nvml.loaded()) {
    checks.push_back({"NVML", Check::missing, nvml.reason(), "no energy, power or clocks"});
    return;
  }
  const bool energy = nvml.energy_millijoules().has_value();
  checks.push_back({"NVML", energy ? Check::ok : Check::warning,
                    "driver " + nvml.driver_version().value_or("unknown") +
                        (energy ? ", energy counter readable" : ", no energy counter"),
                    energy ? "" : "energy needs Volta or newer and no vGPU"});
  const bool mig = nvml.mig().value_or(false);
  checks.push_back({"MIG", mig ? Check::warning : Check::ok, mig ? "on" : "off",
                    mig ? "DRAM and L2 are shared with other instances: not counted" : ""});
  const auto throttled = nvml.throttle_reasons();
  std::string names;
  for (const auto& name : throttled) names += (names.empty() ? "" : ", ") + name;
  checks.push_back({"throttling", throttled.empty() ? Check::ok : Check::warning,
                    throttled.empty() ? "none now" : names,
                    throttled.empty() ? "" : "times will vary; wait or cool the GPU"});
}

void check_gpu(std::vector<Check>& checks) {
  const int driver = cuda_driver_version();
  const bool old = driver != 0 && driver < cuda_runtime_version();
  checks.push_back({"driver",
                    driver == 0 ? Check::missing
                    : old       ? Check::warning
                                : Check::ok,
                    driver == 0 ? "no NVIDIA driver" : "CUDA " + cuda_version_text(driver),
                    driver == 0 ? "install the NVIDIA driver to measure on a GPU"
                    : old       ? "older than the CUDA this was built with: update the driver"
                                : ""});
  std::string reason;
  const auto gpu = find_gpu(0, reason);
  if (!gpu) {
    checks.push_back({"GPU", Check::missing, reason, "--device cpu works without one"});
    return;
  }
  const std::string capability = std::to_string(gpu->major) + "." + std::to_string(gpu->minor);
  const bool supported = gpu->major >= 8;
  checks.push_back({"GPU", supported ? Check::ok : Check::warning,
                    gpu->name + ", compute capability " + capability + ", " +
                        std::to_string(gpu->multiprocessors) + " multiprocessors, " +
                        gibibytes(gpu->memory),
                    supported ? "" : "native kernels are built for 8.0 and newer"});
  check_nvml(*gpu, checks);
}

void check_nvtx(std::vector<Check>& checks) {
  const char* injection = std::getenv("NVTX_INJECTION64_PATH");
  checks.push_back({"NVTX", built_with_cuda() ? Check::ok : Check::missing,
                    !built_with_cuda()     ? "built without CUDA: no NVTX ranges"
                    : injection != nullptr ? std::string("a tool listens: ") + injection
                                           : "domain ssmprof, no tool listening",
                    ""});
}

}  // namespace

std::vector<Check> diagnose() {
  std::vector<Check> checks;
  check_build(checks);
  check_host(checks);
#if SSMPROF_HAS_CUDA
  check_gpu(checks);
  for (auto& check : cupti::doctor_checks()) checks.push_back(std::move(check));
#endif
  check_nvtx(checks);
  return checks;
}

}  // namespace ssmprof::probes
