#include "kernels/cuda/ssd.hpp"
#include "kernels/cuda/ssd_common.cuh"
#include "kernels/cuda/ssd_hopper.cuh"
#include "kernels/cuda/ssd_recurrent.cuh"

namespace ssmprof::kernels::cuda {
namespace {

struct Card {
  int major = 0;
  int processors = 0;
};

/// The current device's generation and size; attribute queries do not synchronize.
Card current_card() {
  int device = 0;
  Card card;
  ssd_detail::check(cudaGetDevice(&device), "cudaGetDevice");
  ssd_detail::check(cudaDeviceGetAttribute(&card.major, cudaDevAttrComputeCapabilityMajor, device),
                    "cudaDeviceGetAttribute");
  ssd_detail::check(
      cudaDeviceGetAttribute(&card.processors, cudaDevAttrMultiProcessorCount, device),
      "cudaDeviceGetAttribute");
  return card;
}

}  // namespace

void ssd(const SsdArgs& args, const Launch& where) {
  const Card card = current_card();
  if (card.major == 9 && ssd_hopper_supports(args)) {
    ssd_hopper(args, ssd_hopper_plan(args, card.processors), where);
  } else {
    ssd_recurrent(args, where.stream);
  }
}

std::size_t ssd_workspace(const SsdArgs& args) {
  const Card card = current_card();
  if (card.major != 9 || !ssd_hopper_supports(args)) return 0;
  return ssd_hopper_workspace(args, ssd_hopper_plan(args, card.processors)) * sizeof(float);
}

std::int64_t ssd_chunk(const SsdArgs& args) {
  const Card card = current_card();
  return card.major == 9 && ssd_hopper_supports(args) ? kSsdChunk : 1;
}

}  // namespace ssmprof::kernels::cuda
