#include <array>
#include <atomic>

#include "kernels/cuda/programmatic.cuh"

namespace ssmprof::kernels::cuda {
namespace {

/// Stands for every kernel of this library: all are compiled for the same architectures.
__global__ void probe_kernel() {}

}  // namespace

bool launches_overlap() {
  // 0 unknown, 1 no, 2 yes. The architecture of the code counts, not the device's: code compiled
  // for an older one at start has no instruction to wait with.
  static std::array<std::atomic<int>, 64> known{};
  int device = 0;
  check(cudaGetDevice(&device), "device");
  auto& answer = known.at(static_cast<std::size_t>(device));
  if (answer.load() == 0) {
    cudaFuncAttributes attributes{};
    check(cudaFuncGetAttributes(&attributes, probe_kernel), "kernel attributes");
    answer.store(attributes.ptxVersion >= 90 && attributes.binaryVersion >= 90 ? 2 : 1);
  }
  return answer.load() == 2;
}

}  // namespace ssmprof::kernels::cuda
