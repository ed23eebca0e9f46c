#pragma once

#include "kernels/cuda/ssd_hopper_fragments.cuh"
#include "kernels/cuda/ssd_hopper_producer.cuh"

/// The states at the start of the segments, when the time is split: every CTA computes the state
/// that its stretch reaches from zero; the CTAs of one cluster then carry the states on.
namespace ssmprof::kernels::cuda::ssd_detail {

/// A segment state in the workspace: for each (sequence, tile, warpgroup) the fragments of its 128
/// threads, four elements by four, so that every access is coalesced.
template <int kWarpgroups, int kPanels>
__device__ __forceinline__ float4* segment_state(const HopperParams& p, std::int64_t segment, int w,
                                                 int thread) {
  const std::int64_t tiles = static_cast<std::int64_t>(gridDim.x);
  return reinterpret_cast<float4*>(p.states) +
         ((segment * tiles + blockIdx.x) * kWarpgroups + w) * (kPanels * 8 * 128) + thread;
}

/// Turns the states that the stretches of this cluster reach from zero into the states that the
/// segments start from: each block carries its share of the fragments through all stretches.
template <int kWarpgroups, int kPanels>
__device__ __forceinline__ void carry_states(const HopperParams& p, const HopperUnit& u,
                                             std::uint32_t fragments, std::uint32_t decays, int w,
                                             int thread) {
  constexpr int kRanks = kSsdMaxStretches;
  const SsdArgs& a = p.args;
  const int ranks = static_cast<int>(gridDim.y), rank = static_cast<int>(blockIdx.y);
  const int stretches = static_cast<int>(p.plan.stretches);
  const int lane = thread % 32, warp = thread / 32;
  const int row0 = u.row0(p, w), rows = min(64, static_cast<int>(a.head_dim) - row0);
  const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * kWarpgroups * (kPanels * 8 * 128);
  const std::int64_t start = ((u.sequence * a.heads + u.head(p, w)) * a.head_dim + row0) * a.state;
  float keep[kRanks];
#pragma unroll
  for (int j = 0; j < kRanks; ++j) {
    keep[j] = j < ranks ? sm90::load_cluster(sm90::cluster_address(decays + w * 4, j)) : 0.0F;
  }
#pragma unroll
  for (int j = 0; j < kRanks; ++j) keep[j] = sm90::exp2_fast(keep[j]);
#pragma unroll 1
  for (int e = rank; e < kPanels * 8; e += ranks) {
    const std::uint32_t at = fragments + ((w * kPanels * 8 + e) * 128 + thread) * 16;
    float run[4] = {};
    float4* to = segment_state<kWarpgroups, kPanels>(p, 0, w, thread) + e * 128;
    if (a.initial_state) {  // rows r and r + 8, columns n and the next
      const int r = warp * 16 + lane / 4, n = e / 8 * 64 + e % 8 * 8 + (lane % 4) * 2;
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const int row = r + i / 2 * 8, column = n + i % 2;
        if (row < rows && column < a.state) {
          run[i] = a.initial_state[start + row * a.state + column];
        }
      }
      *to = make_float4(run[0], run[1], run[2], run[3]);
    }
    int left = stretches;
#pragma unroll
    for (int first = 0; first < kRanks; first += 8) {  // eight loads in flight
      if (first >= ranks) break;
      float4 v[8];
#pragma unroll
      for (int j = 0; j < 8; ++j) {
        v[j] = first + j < ranks ? sm90::load_cluster4(sm90::cluster_address(at, first + j))
                                 : float4{};
      }
#pragma unroll
      for (int j = 0; j < 8; ++j) {
        if (first + j >= ranks) break;
        const float k = keep[first + j];
        run[0] = fmaf(run[0], k, v[j].x), run[1] = fmaf(run[1], k, v[j].y);
        run[2] = fmaf(run[2], k, v[j].z), run[3] = fmaf(run[3], k, v[j].w);
        if (--left == 0) {
          left = stretches;
          to += step;
          *to = make_float4(run[0], run[1], run[2], run[3]);
        }
      }
    }
  }
}

/// The warpgroup of pair w: leaves the fragments and the decay of the stretch in shared memory. From
/// the last chunk to the first, so that a chunk's decay goes into its factors and the sums in the
/// accumulators stay as they are.
template <typename T, int kWarpgroups, int kPanels, bool kBulk>
__device__ __forceinline__ void stretch_state(const HopperParams& p, int chunks, std::uint32_t base,
                                              int w) {
  using Layout = HopperLayout<kWarpgroups, kPanels, false, false>;
  const std::uint32_t full = base + Layout::kBarriers, empty = full + Layout::kStages * 8;
  const int thread = static_cast<int>(threadIdx.x) % 128, lane = thread % 32;
  const std::uint32_t x =
      base + w * sm90::kPanelBytes + PanelOffsets(thread / 32, lane).transposed;
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
  // Every stage has been consumed: the ring now holds the fragments for the carry.
  sm90::group_barrier(15, HopperUnit(p, kWarpgroups, false).pairs * 128);
  const std::uint32_t fragments = base + (w * kPanels * 8 * 128 + thread) * 16;
#pragma unroll
  for (int e = 0; e < kPanels * 8; ++e) {
    const float* v = &s[e / 8][e % 8 * 4];
    const float four[4] = {v[0], v[1], v[2], v[3]};
    sm90::store_shared16(fragments + e * 2048, four);
  }
  if (thread == 0) sm90::store_shared4(base + Layout::kTimes + w * 4, decayed);
}

}  // namespace ssmprof::kernels::cuda::ssd_detail
