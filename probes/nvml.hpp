#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ssmprof::probes {

/// The driver's management library, opened at run time; every reading is empty where it is absent
/// or not supported. Speaks to one device, found by its PCI bus id.
class Nvml {
 public:
  /// `pci_bus_id` as cudaDeviceGetPCIBusId gives it. Never throws: see loaded() and reason().
  explicit Nvml(const std::string& pci_bus_id);
  ~Nvml();
  Nvml(const Nvml&) = delete;
  Nvml& operator=(const Nvml&) = delete;

  bool loaded() const { return device_ != nullptr; }
  const std::string& reason() const { return reason_; }  ///< why not loaded

  std::optional<std::string> driver_version() const;
  std::optional<std::string> uuid() const;
  std::optional<std::uint64_t> energy_millijoules() const;  ///< since the driver was loaded
  std::optional<double> power() const;                      ///< W
  std::optional<double> power_limit() const;                ///< W
  std::optional<double> sm_clock() const;                   ///< Hz, now
  std::optional<double> max_sm_clock() const;               ///< Hz
  std::optional<double> max_memory_clock() const;           ///< Hz
  std::optional<bool> ecc() const;
  std::optional<bool> mig() const;
  std::optional<bool> persistence() const;

  /// Reasons that hold the clocks down now, by name ("sw_power_cap", …); idle is none.
  std::vector<std::string> throttle_reasons() const;

 private:
  template <typename... Arguments>
  int call(const char* symbol, Arguments... arguments) const;

  void* library_ = nullptr;
  void* device_ = nullptr;
  std::string reason_;
};

}  // namespace ssmprof::probes
