#pragma once

#include "kernels/cuda/ssd_hopper_fragments.cuh"
#include "kernels/cuda/ssd_hopper_producer.cuh"

/// The states at the start of the segments, when the time is split: every CTA computes the state
/// that its stretch reaches from zero; the CTAs of one cluster then carry the states on, through
/// global memory (the L2 cache is faster than distributed shared memory).
namespace ssmprof::kernels::cuda::ssd_detail {

/// A state in the workspace: for each (sequence, tile, warpgroup) the fragments of its 128 threads,
/// four elements by four, so that every access is coalesced. The states at the start of the segments
/// come first, then those that the stretches reach from zero, then the stretches' decays.
template <int kWarpgroups, int kPanels>
struct Workspace {
  static constexpr int kFragments = kPanels * 8;  ///< of a thread
  static constexpr int kPair = kFragments * 128;  ///< float4 of a pair
  static __device__ std::int64_t stretches(const HopperParams& p) {
    return (p.plan.segments - 1) * p.plan.stretches;
  }
  static __device__ float4* state(const HopperParams& p, std::int64_t at, int w, int thread) {
    const std::int64_t tile = at * gridDim.x + blockIdx.x;
    return reinterpret_cast<float4*>(p.states) + (tile * kWarpgroups + w) * kPair + thread;
  }
  static __device__ float4* segment(const HopperParams& p, std::int64_t segment, int w,
                                    int thread) {
    return state(p, segment, w, thread);
  }
  static __device__ float4* stretch(const HopperParams& p, std::int64_t stretch, int w,
                                    int thread) {
    return state(p, p.plan.segments + stretch, w, thread);
  }
  static __device__ float* decay(const HopperParams& p, std::int64_t stretch, int w) {
    const std::int64_t states = p.plan.segments + stretches(p);
    return p.states + states * gridDim.x * kWarpgroups * kPair * 4 +
           (stretch * gridDim.x + blockIdx.x) * kWarpgroups + w;
  }
};

/// Turns the states that the stretches of this cluster reach from zero into the states that the
/// segments start from: each block carries its share of the fragments through all stretches.
/// kRanks: at least the blocks of the cluster; sixteen loads are in flight.
template <int kWarpgroups, int kPanels, int kRanks>
__device__ __forceinline__ void carry_states(const HopperParams& p, const HopperUnit& u, int w,
                                             int thread) {
  using Space = Workspace<kWarpgroups, kPanels>;
  constexpr int kAtOnce = kRanks < 16 ? 16 / kRanks : 1;
  const SsdArgs& a = p.args;
  const int ranks = static_cast<int>(gridDim.y), rank = static_cast<int>(blockIdx.y);
  const int stretches = static_cast<int>(p.plan.stretches);
  const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * kWarpgroups * Space::kPair;
  const float4* from = Space::stretch(p, 0, w, thread);
  float keep[kRanks];
#pragma unroll
  for (int j = 0; j < kRanks; ++j) keep[j] = j < ranks ? __ldcg(Space::decay(p, j, w)) : 0.0F;
#pragma unroll 1
  for (int first = rank; first < Space::kFragments; first += ranks * kAtOnce) {
    float4 v[kAtOnce][kRanks];
#pragma unroll
    for (int i = 0; i < kAtOnce; ++i) {
      const int e = first + i * ranks;
#pragma unroll
      for (int j = 0; j < kRanks; ++j) {
        v[i][j] = j < ranks && e < Space::kFragments ? __ldcg(from + j * step + e * 128) : float4{};
      }
    }
#pragma unroll
    for (int i = 0; i < kAtOnce; ++i) {
      const int e = first + i * ranks;
      if (e >= Space::kFragments) break;
      float4 run{};
      float4* to = Space::segment(p, 0, w, thread) + e * 128;
      if (a.initial_state) *to = run = initial_fragment(p, u, w, thread, e);
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
__device__ __forceinline__ void carry_states(const HopperParams& p, const HopperUnit& u, int w,
                                             int thread) {
  if (gridDim.y <= 2) {
    carry_states<kWarpgroups, kPanels, 2>(p, u, w, thread);
  } else if (gridDim.y <= 4) {
    carry_states<kWarpgroups, kPanels, 4>(p, u, w, thread);
  } else if (gridDim.y <= 8) {
    carry_states<kWarpgroups, kPanels, 8>(p, u, w, thread);
  } else {
    carry_states<kWarpgroups, kPanels, kSsdMaxStretches>(p, u, w, thread);
  }
}

/// The warpgroup of pair w: leaves the fragments and the decay of the stretch in the workspace. From
/// the last chunk to the first, so that a chunk's decay goes into its factors and the sums in the
/// accumulators stay as they are.
template <typename T, int kWarpgroups, int kPanels, bool kBulk>
__device__ __forceinline__ void stretch_state(const HopperParams& p, int chunks, std::uint32_t base,
                                              int w) {
  using Layout = HopperLayout<kWarpgroups, kPanels, false, false>;
  using Space = Workspace<kWarpgroups, kPanels>;
  const std::uint32_t full = base + Layout::kBarriers, empty = full + Layout::kStages * 8;
  const int thread = static_cast<int>(threadIdx.x) % 128, lane = thread % 32;
  const std::uint32_t x = base + w * sm90::kPanelBytes + PanelOffsets(threadIdx.x).transposed;
  const std::uint32_t times = base + Layout::kTimes + w * kTimesFloats * 4;
  float s[kPanels][32];
#pragma unroll
  for (int q = 0; q < kPanels; ++q) {
#pragma unroll
    for (int i = 0; i < 32; ++i) s[q][i] = 0.0F;
  }
  float decayed = 0.0F;
  int stage = 0;
  std::uint32_t phase = 0;
#pragma unroll 1
  for (int n = 0; n < chunks; ++n) {
    const std::uint32_t now = times + stage * Layout::kTimesStage;
    sm90::mbarrier_wait(full + stage * 8, phase);
    if constexpr (!kBulk) sm90::fence_async();
    const float after = sm90::exp2_fast(decayed);
    decayed += sm90::load_shared4(now + (kTimesSums + 63) * 4);
    add_to_state<T, kPanels>(s, x + stage * Layout::kStage,
                             base + stage * Layout::kStage + Layout::kB, now + lane % 4 * 8, after);
    if (lane == 0) sm90::mbarrier_arrive(empty + stage * 8);
    if (++stage == Layout::kStages) stage = 0, phase ^= 1U;
  }
  float4* to = Space::stretch(p, blockIdx.y, w, thread);
#pragma unroll
  for (int e = 0; e < Space::kFragments; ++e) {
    const float* v = &s[e / 8][e % 8 * 4];
    to[e * 128] = make_float4(v[0], v[1], v[2], v[3]);
  }
  if (thread == 0) *Space::decay(p, blockIdx.y, w) = decayed;
}

}  // namespace ssmprof::kernels::cuda::ssd_detail
