#pragma once

#include "kernels/cuda/ssd_hopper_fragments.cuh"

/// The state that a stretch of the time reaches from zero.
namespace ssmprof::kernels::cuda::ssd_detail {

/// Where a warpgroup stands in the ring.
struct RingPlace {
  int stage = 0;
  std::uint32_t phase = 0;
  template <typename Layout>
  __device__ void next() {
    if (++stage == Layout::kStages) stage = 0, phase ^= 1U;
  }
};

/// The state of pair w that `chunks` chunks reach from zero, in s, and the decay over them. From
/// the last chunk to the first, so that a chunk's decay goes into its factors and the sums in the
/// accumulators stay as they are. kOnceMore: a stage is released for the outputs' side too.
template <typename T, typename Layout, int kPanels, bool kBulk, bool kOnceMore>
__device__ __forceinline__ float stretch_state(float (&s)[kPanels][32], int chunks,
                                               std::uint32_t base, int w, RingPlace& place) {
  const std::uint32_t full = base + Layout::kBarriers, empty = full + Layout::kStages * 8;
  const std::uint32_t x =
      base + Layout::kX + w * sm90::kPanelBytes + PanelOffsets(threadIdx.x).transposed;
  const std::uint32_t times = base + Layout::kTimes + w * kTimesFloats * 4;
  const int thread = static_cast<int>(threadIdx.x) % 128, lane = thread % 32;
#pragma unroll
  for (int q = 0; q < kPanels; ++q) {
#pragma unroll
    for (int i = 0; i < 32; ++i) s[q][i] = 0.0F;
  }
  float decayed = 0.0F;
#pragma unroll 1
  for (int n = 0; n < chunks; ++n) {
    const int stage = place.stage;
    const std::uint32_t now = times + stage * Layout::kTimesStage;
    mbarrier_wait(full + stage * 8, place.phase);
    if constexpr (!kBulk) sm90::fence_async();
    const float after = sm90::exp2_fast(decayed);
    decayed += sm90::load_shared4(now + (kTimesSums + 63) * 4);
    // Half of the chunk at a time, for the sake of registers: the other warpgroups keep the tensor
    // cores busy.
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      std::uint32_t f[2][4];
      scaled_x<T>(f, x + stage * Layout::kStage + half * 4096, now + half * 128 + lane % 4 * 8,
                  after);
      add_half<T, kPanels>(s, f, base + stage * Layout::kStage + Layout::kB, half);
      finish_state<kPanels>(s);
    }
    if (lane == 0) mbarrier_arrive(empty + stage * 8);
    if (kOnceMore && thread == 0) mbarrier_arrive(empty + stage * 8);
    place.next<Layout>();
  }
  return decayed;
}

}  // namespace ssmprof::kernels::cuda::ssd_detail
