#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace ssmprof::probes {

/// A CUDA device as the runtime sees it.
struct Gpu {
  int index = 0;
  std::string name;
  std::string pci_bus_id;
  int major = 0, minor = 0;  ///< compute capability
  int multiprocessors = 0;
  int max_threads_per_multiprocessor = 0, max_blocks_per_multiprocessor = 0;
  int registers_per_multiprocessor = 0;
  std::uint64_t shared_per_multiprocessor = 0, reserved_shared_per_block = 0;  ///< B
  std::uint64_t memory = 0, l2 = 0;                                            ///< B
};

/// The device, or the reason why there is none: `reason` is then one line.
std::optional<Gpu> find_gpu(int index, std::string& reason);

/// CUDA versions as 1000·major + 10·minor, 0 when unknown.
int cuda_runtime_version();
int cuda_driver_version();

/// "13.0"; "none" for 0.
std::string cuda_version_text(int version);

/// False when built with SSMPROF_CUDA=OFF.
constexpr bool built_with_cuda() {
#if SSMPROF_HAS_CUDA
  return true;
#else
  return false;
#endif
}

}  // namespace ssmprof::probes
