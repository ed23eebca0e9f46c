#pragma once

#include "kernels/cuda/ssd_hopper_fragments.cuh"

/// How a cluster carries the states on that its blocks reach from zero. All that goes between
/// blocks is sent, and counted where it arrives: no fence. To memory: a pair's state in pieces, of
/// which block n mod R, of R, is sent piece n by every block and carries it through all stretches.
/// Within one launch: from block to block, which takes half the bytes but one hop after the other.
namespace ssmprof::kernels::cuda::ssd_detail {

/// A segment state in the workspace: for each (sequence, tile, warpgroup) its pieces, so that every
/// access is coalesced.
template <int kWarpgroups, int kPanels>
__device__ __forceinline__ float4* segment_state(const HopperParams& p, std::int64_t segment, int w,
                                                 int place) {
  const std::int64_t tile = segment * gridDim.x + blockIdx.x;
  return reinterpret_cast<float4*>(p.states) + (tile * kWarpgroups + w) * (kPanels * 8 * 128) +
         place;
}

/// state · keep + sum.
__device__ __forceinline__ float4 advanced(float4 state, float keep, float4 sum) {
  return make_float4(fmaf(state.x, keep, sum.x), fmaf(state.y, keep, sum.y),
                     fmaf(state.z, keep, sum.z), fmaf(state.w, keep, sum.w));
}

/// The state at the start of the second segment, from a block without a cluster, which cannot send.
template <int kWarpgroups, int kPanels>
__device__ __forceinline__ void sums_to_memory(const HopperParams& p, const HopperUnit& u,
                                               const float (&s)[kPanels][32], float decayed, int w,
                                               int thread) {
  const float keep = sm90::exp2_fast(decayed);
  float4* first = segment_state<kWarpgroups, kPanels>(p, 0, w, thread);
  float4* second = segment_state<kWarpgroups, kPanels>(p, 1, w, thread);
#pragma unroll
  for (int e = 0; e < kPanels * 8; ++e) {
    const float* v = &s[e / 8][e % 8 * 4];
    float4 state = make_float4(v[0], v[1], v[2], v[3]);
    if (p.args.initial_state) {
      const float4 start = initial_fragment(p, u, w, thread, e);
      first[e * 128] = start;
      state = advanced(start, keep, state);
    }
    second[e * 128] = state;
  }
}

/// Where the blocks of a cluster meet: their shared memory is laid out alike.
struct CarryPlace {
  std::uint32_t sums;    ///< of this pair: for each block that sends, `pieces` pieces
  std::uint32_t decays;  ///< of this pair: for each block that sends
  std::uint32_t bar;     ///< all sums have come
};

/// Bytes that the block receives.
template <int kPanels>
__device__ __forceinline__ int carry_bytes(const HopperParams& p, int pairs) {
  const int ranks = static_cast<int>(gridDim.y), rank = static_cast<int>(blockIdx.y);
  const int last = (p.cut.pieces - 1) * ranks + rank;
  const int pieces = p.cut.pieces - (last < kPanels * kPanelPieces ? 0 : 1);
  return ranks * pairs * (pieces * kPieceBytes + 4);
}

/// Sends the state that the block reaches from zero, and its decay.
template <int kPanels>
__device__ __forceinline__ void send_sums(const HopperParams& p, const CarryPlace& place,
                                          const float (&s)[kPanels][32], float decayed,
                                          int thread) {
  const int ranks = static_cast<int>(gridDim.y), rank = static_cast<int>(blockIdx.y);
  const std::uint32_t from = place.sums + rank * p.cut.pieces * kPieceBytes + thread % 32 * 16;
  int to = thread / 32, index = 0;  // of piece 4·e + warp
  while (to >= ranks) to -= ranks, ++index;
#pragma unroll
  for (int e = 0; e < kPanels * 8; ++e) {
    const float* v = &s[e / 8][e % 8 * 4];
    sm90::store_async16(sm90::cluster_address(from + index * kPieceBytes, to),
                        sm90::cluster_address(place.bar, to), make_float4(v[0], v[1], v[2], v[3]));
    to += 4;
    while (to >= ranks) to -= ranks, ++index;
  }
  if (thread < ranks) {
    sm90::store_async4(sm90::cluster_address(place.decays + rank * 4, thread),
                       sm90::cluster_address(place.bar, thread), decayed);
  }
}

/// The states at the start of the segments, from the warp's share of the block's pieces of pair w.
/// kRanks: at least the blocks of the cluster, so many loads are in flight.
template <int kWarpgroups, int kPanels, int kRanks>
__device__ __forceinline__ void carry_to_memory(const HopperParams& p, const HopperUnit& u,
                                                const CarryPlace& place, int w, int thread) {
  const int ranks = static_cast<int>(gridDim.y), rank = static_cast<int>(blockIdx.y);
  const int lane = thread % 32, stretches = static_cast<int>(p.cut.stretches.by);
  const std::int64_t step =
      static_cast<std::int64_t>(gridDim.x) * kWarpgroups * (kPanels * 8 * 128);
  mbarrier_wait(place.bar, 0);
#pragma unroll 1
  for (int i = thread / 32; i * ranks + rank < kPanels * kPanelPieces; i += 4) {
    const int piece = i * ranks + rank;
    const std::uint32_t at = place.sums + i * kPieceBytes + lane * 16;
    float4 v[kRanks], run{};
#pragma unroll
    for (int j = 0; j < kRanks; ++j) {
      v[j] = j < ranks ? sm90::load_shared16f(at + j * p.cut.pieces * kPieceBytes) : float4{};
    }
    float4* to = segment_state<kWarpgroups, kPanels>(p, 0, w, piece * 32 + lane);
    if (p.args.initial_state) {
      *to = run = initial_fragment(p, u, w, piece % 4 * 32 + lane, piece / 4);
    }
    int left = stretches;
#pragma unroll
    for (int j = 0; j < kRanks; ++j) {
      if (j >= ranks) break;
      run = advanced(run, sm90::exp2_fast(sm90::load_shared4(place.decays + j * 4)), v[j]);
      if (--left == 0) left = stretches, to += step, *to = run;
    }
  }
}

/// The state of pair w at the start of the sequence, to where relay_state() finds it.
template <int kPanels>
__device__ __forceinline__ void relay_initial(const HopperParams& p, const HopperUnit& u,
                                              std::uint32_t states, int w, int thread) {
#pragma unroll 4
  for (int e = 0; e < kPanels * 8; ++e) {
    float4 v{};
    if (p.args.initial_state) v = initial_fragment(p, u, w, thread, e);
    const float four[4] = {v.x, v.y, v.z, v.w};
    sm90::store_shared16(states + thread * 16 + e * 4 * kPieceBytes, four);
  }
}

/// Turns the sums of a pair in s into the state at the start of the segment, which the block before
/// sends to `states`, and sends on what follows from both. bars: one per four elements of a thread.
template <int kPanels>
__device__ __forceinline__ void relay_state(float (&s)[kPanels][32], float decayed,
                                            std::uint32_t states, std::uint32_t bars, int thread) {
  const int rank = static_cast<int>(blockIdx.y);
  const bool last = rank + 1 == static_cast<int>(gridDim.y);
  const float keep = sm90::exp2_fast(decayed);
  const std::uint32_t own = states + thread * 16;
  const std::uint32_t next = sm90::cluster_address(own, last ? rank : rank + 1);
  const std::uint32_t next_bars = sm90::cluster_address(bars, last ? rank : rank + 1);
#pragma unroll
  for (int e = 0; e < kPanels * 8; ++e) {
    float* v = &s[e / 8][e % 8 * 4];
    mbarrier_wait(bars + e * 8, 0);
    const float4 start = sm90::load_shared16f(own + e * 4 * kPieceBytes);
    if (!last) {
      sm90::store_async16(next + e * 4 * kPieceBytes, next_bars + e * 8,
                          advanced(start, keep, make_float4(v[0], v[1], v[2], v[3])));
    }
    // Again, into the registers of the sums: the compiler would keep both.
    asm volatile("ld.shared.v4.f32 {%0,%1,%2,%3}, [%4];"
                 : "+f"(v[0]), "+f"(v[1]), "+f"(v[2]), "+f"(v[3])
                 : "r"(own + e * 4 * kPieceBytes)
                 : "memory");
  }
}

}  // namespace ssmprof::kernels::cuda::ssd_detail
