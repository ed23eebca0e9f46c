#include "probes/nvml.hpp"

#include <dlfcn.h>
#include <utility>

namespace ssmprof::probes {

namespace {

// The few constants of the library's stable C interface that are used here.
constexpr int kSuccess = 0;
constexpr int kNoSuchFunction = -1;
constexpr int kClockSm = 1, kClockMemory = 2;

constexpr std::pair<unsigned long long, const char*> kThrottleReasons[] = {
    {0x4, "sw_power_cap"},
    {0x8, "hw_slowdown"},
    {0x10, "sync_boost"},
    {0x20, "sw_thermal_slowdown"},
    {0x40, "hw_thermal_slowdown"},
    {0x80, "hw_power_brake_slowdown"},
    {0x2, "applications_clocks_setting"},
};

}  // namespace

template <typename... Arguments>
int Nvml::call(const char* symbol, Arguments... arguments) const {
  using Function = int (*)(Arguments...);
  if (library_ == nullptr) return kNoSuchFunction;
  const auto function = reinterpret_cast<Function>(dlsym(library_, symbol));
  return function == nullptr ? kNoSuchFunction : function(arguments...);
}

Nvml::Nvml(const std::string& pci_bus_id) {
  library_ = dlopen("libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL);
  if (library_ == nullptr) {
    reason_ = "libnvidia-ml.so.1 (the driver's management library) is not installed";
    return;
  }
  if (const int status = call("nvmlInit_v2"); status != kSuccess) {
    reason_ = "nvmlInit_v2 answered " + std::to_string(status);
    dlclose(library_);
    library_ = nullptr;
    return;
  }
  const int status = call("nvmlDeviceGetHandleByPciBusId_v2", pci_bus_id.c_str(), &device_);
  if (status != kSuccess) {
    device_ = nullptr;
    reason_ = "no device " + pci_bus_id + " (error " + std::to_string(status) + ")";
  }
}

Nvml::~Nvml() {
  if (library_ == nullptr) return;
  call("nvmlShutdown");
  dlclose(library_);
}

std::optional<std::string> Nvml::driver_version() const {
  char text[96] = "";
  if (call("nvmlSystemGetDriverVersion", &text[0], 96u) != kSuccess) return {};
  return text;
}

std::optional<std::string> Nvml::uuid() const {
  char text[96] = "";
  if (!loaded() || call("nvmlDeviceGetUUID", device_, &text[0], 96u) != kSuccess) return {};
  return text;
}

std::optional<std::uint64_t> Nvml::energy_millijoules() const {
  unsigned long long energy = 0;
  if (!loaded() || call("nvmlDeviceGetTotalEnergyConsumption", device_, &energy) != kSuccess)
    return {};
  return energy;
}

std::optional<double> Nvml::power() const {
  unsigned milliwatts = 0;
  if (!loaded() || call("nvmlDeviceGetPowerUsage", device_, &milliwatts) != kSuccess) return {};
  return milliwatts * 1e-3;
}

std::optional<double> Nvml::power_limit() const {
  unsigned milliwatts = 0;
  if (!loaded() || call("nvmlDeviceGetEnforcedPowerLimit", device_, &milliwatts) != kSuccess)
    return {};
  return milliwatts * 1e-3;
}

std::optional<double> Nvml::sm_clock() const {
  unsigned megahertz = 0;
  if (!loaded() || call("nvmlDeviceGetClockInfo", device_, kClockSm, &megahertz) != kSuccess)
    return {};
  return megahertz * 1e6;
}

std::optional<double> Nvml::max_sm_clock() const {
  unsigned megahertz = 0;
  if (!loaded() || call("nvmlDeviceGetMaxClockInfo", device_, kClockSm, &megahertz) != kSuccess)
    return {};
  return megahertz * 1e6;
}

std::optional<double> Nvml::max_memory_clock() const {
  unsigned megahertz = 0;
  if (!loaded() || call("nvmlDeviceGetMaxClockInfo", device_, kClockMemory, &megahertz) != kSuccess)
    return {};
  return megahertz * 1e6;
}

std::optional<bool> Nvml::ecc() const {
  int current = 0, pending = 0;
  if (!loaded() || call("nvmlDeviceGetEccMode", device_, &current, &pending) != kSuccess) return {};
  return current != 0;
}

std::optional<bool> Nvml::mig() const {
  unsigned current = 0, pending = 0;
  if (!loaded() || call("nvmlDeviceGetMigMode", device_, &current, &pending) != kSuccess) return {};
  return current != 0;
}

std::optional<bool> Nvml::persistence() const {
  int mode = 0;
  if (!loaded() || call("nvmlDeviceGetPersistenceMode", device_, &mode) != kSuccess) return {};
  return mode != 0;
}

std::vector<std::string> Nvml::throttle_reasons() const {
  unsigned long long bits = 0;
  if (!loaded() || call("nvmlDeviceGetCurrentClocksThrottleReasons", device_, &bits) != kSuccess) {
    return {};
  }
  std::vector<std::string> names;
  for (const auto& [bit, name] : kThrottleReasons) {
    if ((bits & bit) != 0) names.emplace_back(name);
  }
  return names;
}

}  // namespace ssmprof::probes
