#pragma once

#include "kernels/cuda/ssd_hopper_carry.cuh"
#include "kernels/cuda/ssd_hopper_gate.cuh"
#include "kernels/cuda/ssd_hopper_states.cuh"

/// The roles of the outputs' kernel. Per chunk of Q = 64 tokens and per head, with cs the inclusive
/// cumulative sum of Δ·A·log2(e) and cs' = cs - log2(Δ):
///   Y  = 2^cs[t] · (C Sᵀ) + M X,   M[t,s] = (C Bᵀ)[t,s] · 2^(cs[t] - cs'[s]) for s ≤ t
///   S  = 2^cs[Q-1] · S + (X · 2^(cs[Q-1] - cs'))ᵀ B
/// One warpgroup per head keeps S [64 × N] in its accumulators and hands it on in 16 bits, in two
/// buffers, as the operand of C Sᵀ; another computes Y. M and the scaled X enter as register
/// operands.
namespace ssmprof::kernels::cuda::ssd_detail {

/// The state at the start of the segment, when the cluster carries it there: computes that which
/// the segment reaches from zero, and takes part in the carry.
template <typename T, int kWarpgroups, int kPanels, typename Layout>
__device__ __forceinline__ void carried_state(const HopperParams& p, float (&s)[kPanels][32],
                                              std::uint32_t base, int w, int thread,
                                              RingPlace& ring) {
  // In the place of the states in 16 bits, which are not handed on yet.
  const std::uint32_t states = base + Layout::kState + w * 2 * Layout::kStateBytes;
  const HopperUnit u(p, kWarpgroups, true);
  if (u.segment == 0) relay_initial<kPanels>(p, u, states, w, thread);
  const float decayed = stretch_state<T, Layout, kPanels, true, true>(
      s, Passage<Form::both>(p, u).backward, base, w, ring);
  if (thread % 32 == 0) mbarrier_arrive(base + Layout::kCarryBarrier);
  relay_state<kPanels>(s, decayed, states, base + Layout::kRelayBarriers + w * kPanels * 64,
                       thread);
  sm90::group_barrier(1 + kWarpgroups + w, 128);
}

/// The warpgroup that keeps the state of pair w and hands it on to outputs_role.
template <typename T, int kWarpgroups, int kPanels, Form kForm, bool kBulk, bool kGate>
__device__ __forceinline__ void state_role(const HopperParams& p, std::uint32_t base, int w,
                                           int thread) {
  using Layout = HopperLayout<kWarpgroups, kPanels, true, kInRing<kBulk, kGate>>;
  const SsdArgs& a = p.args;
  const std::uint32_t full = base + Layout::kBarriers, empty = full + Layout::kStages * 8;
  const std::uint32_t handed = base + Layout::kStateBarriers + w * 32, taken = handed + 16;
  const std::uint32_t times = base + Layout::kTimes + w * kTimesFloats * 4;
  RingPlace place;
  float s[kPanels][32];
  if constexpr (kForm == Form::both) {
    carried_state<T, kWarpgroups, kPanels, Layout>(p, s, base, w, thread, place);
  } else {
    const HopperUnit u(p, kWarpgroups, true);
    if (p.cut.segments > 1 && (u.segment > 0 || a.initial_state)) {
      const float4* from = segment_state<kWarpgroups, kPanels>(p, u.segment, w, thread);
#pragma unroll
      for (int e = 0; e < kPanels * 8; ++e) {
        const float4 v = from[e * 128];
        float* to = &s[e / 8][e % 8 * 4];
        to[0] = v.x, to[1] = v.y, to[2] = v.z, to[3] = v.w;
      }
    } else {
      first_state<kPanels>(p, u, s, w, thread);
    }
  }
  const int chunks = HopperUnit(p, kWarpgroups, true).chunks;
  const auto hand_on = [&](int n) {  // S before chunk n
    state_to_shared<T, kPanels>(s, base + Layout::kState + (2 * w + (n & 1)) * Layout::kStateBytes +
                                       PanelOffsets(sm90::thread_again()).straight);
    sm90::fence_async();
    mbarrier_arrive(handed + (n & 1) * 8);
  };
  hand_on(0);
#pragma unroll 1
  for (int chunk = 0; chunk < chunks; ++chunk) {
    const int stage = place.stage;
    const std::uint32_t b = base + stage * Layout::kStage + Layout::kB;
    mbarrier_wait(full + stage * 8, place.phase);
    if constexpr (!kBulk) sm90::fence_async();
    const float keep = sm90::exp2_fast(
        sm90::load_shared4(times + stage * Layout::kTimesStage + (kTimesSums + 63) * 4));
#pragma unroll
    for (int q = 0; q < kPanels; ++q) {
#pragma unroll
      for (int i = 0; i < 32; ++i) s[q][i] *= keep;
    }
    const unsigned t = sm90::thread_again();
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      std::uint32_t f[2][4];
      scaled_x<T>(f,
                  base + stage * Layout::kStage + Layout::kX + w * sm90::kPanelBytes + half * 4096 +
                      PanelOffsets(t).transposed,
                  times + stage * Layout::kTimesStage + half * 128 + t % 4 * 8, 1.0F);
      add_half<T, kPanels>(s, f, b, half);
      finish_state<kPanels>(s);
    }
    if (t % 32 == 0) mbarrier_arrive(empty + stage * 8);
    place.next<Layout>();
    if (chunk > 0) mbarrier_wait(taken + ((chunk + 1) & 1) * 8, ((chunk - 1) >> 1) & 1);
    hand_on(chunk + 1);
  }
  const HopperUnit u(p, kWarpgroups, true);
  if (a.final_state && u.segment == p.cut.segments - 1) {
    state_copy<kPanels, false>(p, u, s, a.final_state, w,
                               static_cast<int>(sm90::thread_again() % 128));
  }
}

/// The warpgroup that computes the outputs of pair w.
template <typename T, int kWarpgroups, int kPanels, Form kForm, bool kBulk, bool kGate>
__device__ __forceinline__ void outputs_role(const HopperParams& p, const HopperUnit& u,
                                             std::uint32_t base, int w) {
  using Layout = HopperLayout<kWarpgroups, kPanels, true, kInRing<kBulk, kGate>>;
  const std::uint32_t full = base + Layout::kBarriers;
  const std::uint32_t handed = base + Layout::kStateBarriers + w * 32, taken = handed + 16;
  const std::uint32_t ready = base + Layout::kReadyBarriers + w * 16;
  const int warp = __shfl_sync(0xffffffffU, static_cast<int>(threadIdx.x) / 32 % 4, 0);
  const int chunks = u.chunks;
  const float skip = p.args.d ? p.args.d[u.head(p, w)] : 0.0F;
  const std::uint32_t weights = base + Layout::kWeights + w * 256;
  GateRows<T> gate(p, u, w, warp);  // unused without
  if constexpr (kGate) weights_to_shared<T>(p, u, weights, w);
  float g[32], y[32], cs[2];  // cs of the thread's rows
  const auto product_c = [&](float(&d)[32], std::uint32_t tile, std::uint32_t right) {
    const std::uint64_t c = sm90::panel_descriptor(tile + Layout::kC);
    const std::uint64_t r = sm90::panel_descriptor(right);
#pragma unroll
    for (int k = 0; k < 4 * kPanels; ++k) {
      const int at = (k / 4) * (sm90::kPanelBytes / 16) + (k % 4) * 2;
      sm90::wgmma_ss<T>(d, c + at, r + at, k > 0);
    }
    sm90::wgmma_commit();
  };
  const auto times = [&](int stage) {
    return base + Layout::kTimes + stage * Layout::kTimesStage + w * kTimesFloats * 4;
  };
  const auto begin = [&](int stage, std::uint32_t phase) {  // a chunk, by C Bᵀ
    mbarrier_wait(full + stage * 8, phase);
    if constexpr (!kBulk) sm90::fence_async();
    const std::uint32_t sums = times(stage) + (kTimesSums + warp * 16) * 4;
    const unsigned row = sm90::thread_again() % 32 / 4;
    cs[0] = sm90::load_shared4(sums + row * 4), cs[1] = sm90::load_shared4(sums + row * 4 + 32);
  };
  int stage = 0;
  std::uint32_t phase = 0;
  if constexpr (kForm == Form::both) {
    const int backward = Passage<kForm>(p, u).backward;
    stage = backward % Layout::kStages, phase = backward / Layout::kStages & 1;
    mbarrier_wait(base + Layout::kCarryBarrier, 0);  // the ring is through with the sums
  }
  if (chunks > 0) {
    begin(stage, phase);
    const std::uint32_t tile = base + stage * Layout::kStage;
    sm90::wgmma_fence();
    product_c(g, tile, tile + Layout::kB);
    sm90::wgmma_wait<0>();
    sm90::pin(g);
  }
#pragma unroll 1
  for (int chunk = 0; chunk < chunks; ++chunk) {
    const std::uint32_t tile = base + stage * Layout::kStage;
    const std::uint32_t panel = tile + Layout::kX + w * sm90::kPanelBytes;
    const std::uint32_t logs = times(stage) + kTimesLogs * 4;
    mbarrier_wait(handed + (chunk & 1) * 8, (chunk >> 1) & 1);
    sm90::wgmma_fence();
    product_c(y, tile, base + Layout::kState + (2 * w + (chunk & 1)) * Layout::kStateBytes);
    std::uint32_t m[4][4];
    const unsigned t = sm90::thread_again();
    decayed_scores<T>(m, g, cs[0], cs[1], logs + t % 4 * 8, warp, t % 32);
    sm90::wgmma_wait<0>();
    sm90::pin(y);
    mbarrier_arrive(taken + (chunk & 1) * 8);
    scale_rows(y, cs[0], cs[1]);
    const std::uint64_t x = sm90::panel_descriptor(panel);
    sm90::wgmma_fence();
#pragma unroll
    for (int k = 0; k < 4; ++k) sm90::wgmma_rs<T, true>(y, m[k], x + k * 128, 1);
    sm90::wgmma_commit();
    std::uint32_t o[4][4];  // the gate or the warp's own rows of X, then the outputs
    if constexpr (kGate && kBulk) gate.load(p, o);
    if (chunk + 1 < chunks) {
      if (++stage == Layout::kStages) stage = 0, phase ^= 1U;
      begin(stage, phase);
    }
    sm90::wgmma_wait<0>();
    sm90::pin(y);
    const std::uint32_t ahead = base + stage * Layout::kStage;  // the last product goes unused
    sm90::wgmma_fence();
    product_c(g, ahead, ahead + Layout::kB);
    float sums[2];  // of squares, with the gate
    const std::uint32_t own = panel + PanelOffsets(sm90::thread_again()).straight;
    if constexpr (kGate) {
      finish_gated<T, !kBulk>(o, y, own, own + Layout::kZ - Layout::kX, weights, skip, sums);
    } else {
#pragma unroll
      for (int j = 0; j < 4; ++j) sm90::ldmatrix_x4(o[j], own ^ (j * 32));
      finish_outputs<T>(o, y, skip);
    }
    // The outputs take the place of X: its other readers are the other warps' M X and the state's
    // warpgroup, which has read it once it hands on the next state.
    sm90::group_barrier(1 + w, 128);
    mbarrier_wait(handed + ((chunk + 1) & 1) * 8, ((chunk + 1) >> 1) & 1);
#pragma unroll
    for (int j = 0; j < 4; ++j) {
      sm90::stmatrix_x4(own ^ (j * 32), o[j][0], o[j][1], o[j][2], o[j][3]);
    }
    mbarrier_arrive(ready + (chunk & 1) * 8);
    if constexpr (kGate) {
      gate.store(p, sums);
      gate.advance(p);
    }
    sm90::wgmma_wait<0>();
    sm90::pin(g);
  }
}

/// A warpgroup without a pair keeps the ring turning, from place n to `end`: that of the state for
/// itself, that of the outputs for the warp that would take them to memory.
template <typename Layout>
__device__ __forceinline__ void idle_role(int n, int end, std::uint32_t base, bool arrives) {
  const std::uint32_t full = base + Layout::kBarriers, empty = full + Layout::kStages * 8;
#pragma unroll 1
  for (; n < end; ++n) {
    const int stage = n % Layout::kStages;
    mbarrier_wait(full + stage * 8, n / Layout::kStages & 1);
    __syncwarp();
    if (arrives) mbarrier_arrive(empty + stage * 8);
  }
}

}  // namespace ssmprof::kernels::cuda::ssd_detail
