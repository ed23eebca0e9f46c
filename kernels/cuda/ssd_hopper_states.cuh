#pragma once

#include "kernels/cuda/ssd_hopper_fragments.cuh"

/// The states at the start of the segments, when the time is split: every CTA computes the state
/// that its stretch reaches from zero; the CTAs of one cluster then carry the states on.
namespace ssmprof::kernels::cuda::ssd_detail {

/// A segment state in the workspace: for each (sequence, tile, warpgroup) the fragments of its 128
/// threads, four elements by four, so that every access is coalesced.
template <int kWarpgroups, int kPanels>
__device__ __forceinline__ float4* segment_state(const HopperParams& p, std::int64_t segment, int w,
                                                 int thread) {
  const std::int64_t tile = segment * gridDim.x + blockIdx.x;
  return reinterpret_cast<float4*>(p.states) + (tile * kWarpgroups + w) * (kPanels * 8 * 128) +
         thread;
}

/// Turns the states that the stretches of this cluster reach from zero into the states that the
/// segments start from: each block carries its share of the fragments through all stretches.
/// kRanks: at least the blocks of the cluster; sixteen loads are in flight.
template <int kWarpgroups, int kPanels, int kRanks>
__device__ __forceinline__ void carry_states(const HopperParams& p, const HopperUnit& u,
                                             std::uint32_t fragments, std::uint32_t decays, int w,
                                             int thread) {
  constexpr int kAtOnce = kRanks < 16 ? 16 / kRanks : 1, kFragments = kPanels * 8;
  const int ranks = static_cast<int>(gridDim.y), rank = static_cast<int>(blockIdx.y);
  const int stretches = static_cast<int>(p.plan.stretches);
  const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * kWarpgroups * kFragments * 128;
  float keep[kRanks];
#pragma unroll
  for (int j = 0; j < kRanks; ++j) {
    keep[j] = j < ranks ? sm90::load_cluster(sm90::cluster_address(decays + w * 4, j)) : 0.0F;
  }
#pragma unroll 1
  for (int first = rank; first < kFragments; first += ranks * kAtOnce) {
    float4 v[kAtOnce][kRanks];
#pragma unroll
    for (int i = 0; i < kAtOnce; ++i) {
      const int e = first + i * ranks;
      const std::uint32_t at = fragments + ((w * kFragments + e) * 128 + thread) * 16;
#pragma unroll
      for (int j = 0; j < kRanks; ++j) {
        v[i][j] = j < ranks && e < kFragments ? sm90::load_cluster4(sm90::cluster_address(at, j))
                                              : float4{};
      }
    }
#pragma unroll
    for (int i = 0; i < kAtOnce; ++i) {
      const int e = first + i * ranks;
      if (e >= kFragments) break;
      float4 run{};
      float4* to = segment_state<kWarpgroups, kPanels>(p, 0, w, thread) + e * 128;
      if (p.args.initial_state) *to = run = initial_fragment(p, u, w, thread, e);
      int left = stretches;
#pragma unroll
      for (int j = 0; j < kRanks; ++j) {
        if (j >= ranks) break;
        const float k = sm90::exp2_fast(keep[j]);
        run.x = fmaf(run.x, k, v[i][j].x), run.y = fmaf(run.y, k, v[i][j].y);
        run.z = fmaf(run.z, k, v[i][j].z), run.w = fmaf(run.w, k, v[i][j].w);
        if (--left == 0) left = stretches, to += step, *to = run;
      }
    }
  }
}

template <int kWarpgroups, int kPanels>
__device__ __forceinline__ void carry_states(const HopperParams& p, const HopperUnit& u,
                                             std::uint32_t fragments, std::uint32_t decays, int w,
                                             int thread) {
  if (gridDim.y <= 4) {
    carry_states<kWarpgroups, kPanels, 4>(p, u, fragments, decays, w, thread);
  } else {
    carry_states<kWarpgroups, kPanels, kSsdMaxStretches>(p, u, fragments, decays, w, thread);
  }
}

/// Carries the states on in place: what the block of rank j finds among its fragments afterwards is
/// the state at its segment's start.
template <int kWarpgroups, int kPanels, int kRanks>
__device__ __forceinline__ void carry_in_place(const HopperParams& p, const HopperUnit& u,
                                               std::uint32_t fragments, std::uint32_t decays, int w,
                                               int thread) {
  constexpr int kAtOnce = 16 / kRanks, kFragments = kPanels * 8;
  const int ranks = static_cast<int>(gridDim.y), rank = static_cast<int>(blockIdx.y);
  float keep[kRanks];
#pragma unroll
  for (int j = 0; j < kRanks; ++j) {
    keep[j] = j + 1 < ranks ? sm90::load_cluster(sm90::cluster_address(decays + w * 4, j)) : 0.0F;
  }
#pragma unroll 1
  for (int first = rank; first < kFragments; first += ranks * kAtOnce) {
    float4 v[kAtOnce][kRanks];
#pragma unroll
    for (int i = 0; i < kAtOnce; ++i) {
      const int e = first + i * ranks;
      const std::uint32_t at = fragments + ((w * kFragments + e) * 128 + thread) * 16;
#pragma unroll
      for (int j = 0; j < kRanks; ++j) {
        v[i][j] = j + 1 < ranks && e < kFragments
                      ? sm90::load_cluster4(sm90::cluster_address(at, j))
                      : float4{};
      }
    }
#pragma unroll
    for (int i = 0; i < kAtOnce; ++i) {
      const int e = first + i * ranks;
      if (e >= kFragments) break;
      const std::uint32_t at = fragments + ((w * kFragments + e) * 128 + thread) * 16;
      float4 run{};
      if (p.args.initial_state) run = initial_fragment(p, u, w, thread, e);
#pragma unroll
      for (int j = 0; j < kRanks; ++j) {
        if (j >= ranks) break;
        sm90::store_cluster4(sm90::cluster_address(at, j), run);
        const float k = sm90::exp2_fast(keep[j]);
        run.x = fmaf(run.x, k, v[i][j].x), run.y = fmaf(run.y, k, v[i][j].y);
        run.z = fmaf(run.z, k, v[i][j].z), run.w = fmaf(run.w, k, v[i][j].w);
      }
    }
  }
}

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
    sm90::mbarrier_wait(full + stage * 8, place.phase);
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
    if (lane == 0) sm90::mbarrier_arrive(empty + stage * 8);
    if (kOnceMore && thread == 0) sm90::mbarrier_arrive(empty + stage * 8);
    place.next<Layout>();
  }
  return decayed;
}

/// Leaves pair w's fragments and decay for the carry.
template <int kPanels>
__device__ __forceinline__ void leave_state(const float (&s)[kPanels][32], float decayed,
                                            std::uint32_t fragments, std::uint32_t decays, int w,
                                            int thread) {
  fragments += (w * kPanels * 8 * 128 + thread) * 16;
#pragma unroll
  for (int e = 0; e < kPanels * 8; ++e) {
    const float* v = &s[e / 8][e % 8 * 4];
    const float four[4] = {v[0], v[1], v[2], v[3]};
    sm90::store_shared16(fragments + e * 2048, four);
  }
  if (thread == 0) sm90::store_shared4(decays + w * 4, decayed);
}

}  // namespace ssmprof::kernels::cuda::ssd_detail
