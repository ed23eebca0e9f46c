#include "kernels/cuda/ssd.hpp"
#include "kernels/cuda/ssd_recurrent.cuh"

namespace ssmprof::kernels::cuda {

void ssd(const SsdArgs& args, void* stream) {
  ssd_recurrent(args, stream);
}

std::size_t ssd_workspace(const SsdArgs&) {
  return 0;
}

std::int64_t ssd_chunk(const SsdArgs&) {
  return 1;
}

}  // namespace ssmprof::kernels::cuda
