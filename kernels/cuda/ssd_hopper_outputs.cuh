#pragma once

#include "kernels/cuda/ssd_hopper_fragments.cuh"
#include "kernels/cuda/ssd_hopper_producer.cuh"
#include "kernels/cuda/ssd_hopper_states.cuh"

/// The roles of the outputs' kernel. Per chunk of Q = 64 tokens and per head, with cs the inclusive
/// cumulative sum of Δ·A·log2(e) and cs' = cs - log2(Δ):
///   Y  = 2^cs[t] · (C Sᵀ) + M X,   M[t,s] = (C Bᵀ)[t,s] · 2^(cs[t] - cs'[s]) for s ≤ t
///   S  = 2^cs[Q-1] · S + (X · 2^(cs[Q-1] - cs'))ᵀ B
/// One warpgroup per head keeps S [64 × N] in its accumulators and hands it on in 16 bits, in two
/// buffers, as the operand of C Sᵀ; another computes Y. M and the scaled X enter as register
/// operands.
namespace ssmprof::kernels::cuda::ssd_detail {

/// The warpgroup that keeps the state of pair w and hands it on to outputs_role.
template <typename T, int kWarpgroups, int kPanels, bool kBulk, bool kGate>
__device__ __forceinline__ void state_role(const HopperParams& p, std::uint32_t base, int w,
                                           int thread) {
  using Layout = HopperLayout<kWarpgroups, kPanels, true, kGate>;
  const SsdArgs& a = p.args;
  const std::uint32_t full = base + Layout::kBarriers, empty = full + Layout::kStages * 8;
  const std::uint32_t handed = base + Layout::kStateBarriers + w * 32, taken = handed + 16;
  const std::uint32_t times = base + Layout::kTimes + w * kTimesFloats * 4;
  int chunks = 0;
  float s[kPanels][32];
  {
    const HopperUnit u(p, kWarpgroups, true);
    chunks = u.chunks;
    if (p.plan.segments > 1 && (u.segment > 0 || a.initial_state)) {
      const float4* from = Workspace<kWarpgroups, kPanels>::segment(p, u.segment, w, thread);
#pragma unroll
      for (int e = 0; e < kPanels * 8; ++e) {
        const float4 v = from[e * 128];
        float* to = &s[e / 8][e % 8 * 4];
        to[0] = v.x, to[1] = v.y, to[2] = v.z, to[3] = v.w;
      }
    } else if (a.initial_state) {
      state_copy<kPanels, true>(p, u, s, const_cast<float*>(a.initial_state), w, thread);
    } else {
#pragma unroll
      for (int q = 0; q < kPanels; ++q) {
#pragma unroll
        for (int i = 0; i < 32; ++i) s[q][i] = 0.0F;
      }
    }
  }
  const auto hand_on = [&](int n) {  // S before chunk n
    state_to_shared<T, kPanels>(s, base + Layout::kState + (2 * w + (n & 1)) * Layout::kStateBytes +
                                       PanelOffsets(sm90::thread_again()).straight);
    sm90::fence_async();
    sm90::mbarrier_arrive(handed + (n & 1) * 8);
  };
  hand_on(0);
  int stage = 0;
  std::uint32_t phase = 0;
#pragma unroll 1
  for (int chunk = 0; chunk < chunks; ++chunk) {
    const unsigned t = sm90::thread_again();
    const std::uint32_t x = base + stage * Layout::kStage + Layout::kX + w * sm90::kPanelBytes +
                            PanelOffsets(t).transposed;
    const std::uint32_t now = times + stage * Layout::kTimesStage;
    sm90::mbarrier_wait(full + stage * 8, phase);
    if constexpr (!kBulk) sm90::fence_async();
    const float keep = sm90::exp2_fast(sm90::load_shared4(now + (kTimesSums + 63) * 4));
#pragma unroll
    for (int q = 0; q < kPanels; ++q) {
#pragma unroll
      for (int i = 0; i < 32; ++i) s[q][i] *= keep;
    }
    add_to_state<T, kPanels>(s, x, base + stage * Layout::kStage + Layout::kB, now + t % 4 * 8,
                             1.0F);
    if (t % 32 == 0) sm90::mbarrier_arrive(empty + stage * 8);
    if (++stage == Layout::kStages) stage = 0, phase ^= 1U;
    if (chunk > 0) sm90::mbarrier_wait(taken + ((chunk + 1) & 1) * 8, ((chunk - 1) >> 1) & 1);
    hand_on(chunk + 1);
  }
  const HopperUnit u(p, kWarpgroups, true);
  if (a.final_state && u.segment == p.plan.segments - 1) {
    state_copy<kPanels, false>(p, u, s, a.final_state, w,
                               static_cast<int>(sm90::thread_again() % 128));
  }
}

/// The warpgroup that computes the outputs of pair w.
template <typename T, int kWarpgroups, int kPanels, bool kBulk, bool kGate>
__device__ __forceinline__ void outputs_role(const HopperParams& p, const HopperUnit& u,
                                             std::uint32_t base, int w) {
  using Layout = HopperLayout<kWarpgroups, kPanels, true, kGate>;
  const std::uint32_t full = base + Layout::kBarriers, empty = full + Layout::kStages * 8;
  const std::uint32_t handed = base + Layout::kStateBarriers + w * 32, taken = handed + 16;
  const int chunks = u.chunks;
  const float skip = p.args.d ? p.args.d[u.head(p, w)] : 0.0F;
  OutputRows<T> out(p, u, w);
  float g[32], y[32];
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
  const auto panel_x = [&](int at) {
    return base + at * Layout::kStage + Layout::kX + w * sm90::kPanelBytes;
  };
  // C Bᵀ of the next chunk is computed while the outputs of this one are put together; these leave,
  // in the place of X, while the next M X is computed, if there are stages enough to wait so long.
  constexpr bool kLate = Layout::kStages > 2;
  std::uint32_t o[4][4];
  const auto store = [&](int at) {
    sm90::group_barrier(1 + w, 128);  // every warp's M X, which reads all of X, is complete
    out.store(p, o, panel_x(at), w);
    __syncwarp();
    if (sm90::thread_again() % 32 == 0) sm90::mbarrier_arrive(empty + at * 8);
  };
  if (chunks > 0) {
    sm90::mbarrier_wait(full, 0);
    if constexpr (!kBulk) sm90::fence_async();
    sm90::wgmma_fence();
    product_c(g, base, base + Layout::kB);
    sm90::wgmma_wait<0>();
    sm90::pin(g);
  }
  int stage = 0, before = 0;
  std::uint32_t phase = 0;
#pragma unroll 1
  for (int chunk = 0; chunk < chunks; ++chunk) {
    const std::uint32_t tile = base + stage * Layout::kStage;
    const std::uint32_t now =
        base + Layout::kTimes + stage * Layout::kTimesStage + w * kTimesFloats * 4;
    const unsigned t = sm90::thread_again();
    const float cs0 = sm90::load_shared4(now + kTimesSums * 4 + t / 32 % 4 * 64 + t % 32 / 4 * 4);
    const float cs1 =
        sm90::load_shared4(now + kTimesSums * 4 + t / 32 % 4 * 64 + t % 32 / 4 * 4 + 32);
    // Also: the state's warpgroup has read the X of the chunk before.
    sm90::mbarrier_wait(handed + (chunk & 1) * 8, (chunk >> 1) & 1);
    sm90::wgmma_fence();
    product_c(y, tile, base + Layout::kState + (2 * w + (chunk & 1)) * Layout::kStateBytes);
    std::uint32_t m[4][4];
    decayed_scores<T>(m, g, cs0, cs1, now + kTimesLogs * 4 + t % 4 * 8, t);
    sm90::wgmma_wait<0>();
    sm90::pin(y);
    sm90::mbarrier_arrive(taken + (chunk & 1) * 8);
    scale_rows(y, cs0, cs1);
    const std::uint64_t x = sm90::panel_descriptor(panel_x(stage));
    sm90::wgmma_fence();
#pragma unroll
    for (int k = 0; k < 4; ++k) sm90::wgmma_rs<T, true>(y, m[k], x + k * 128, 1);
    sm90::wgmma_commit();
    if (kLate && chunk > 0) store(before);
    const std::uint32_t own = panel_x(stage) + PanelOffsets(sm90::thread_again()).straight;
#pragma unroll
    for (int j = 0; j < 4; ++j) sm90::ldmatrix_x4(o[j], own ^ (j * 32));
    before = stage;
    if (chunk + 1 < chunks) {
      if (++stage == Layout::kStages) stage = 0, phase ^= 1U;
      sm90::mbarrier_wait(full + stage * 8, phase);
      if constexpr (!kBulk) sm90::fence_async();
    }
    sm90::wgmma_wait<0>();
    sm90::pin(y);
    const std::uint32_t ahead = base + stage * Layout::kStage;  // the last product goes unused
    sm90::wgmma_fence();
    product_c(g, ahead, ahead + Layout::kB);
    finish_outputs<T, kGate>(o, y, own + Layout::kZ - Layout::kX, skip);
    if constexpr (!kLate) {
      sm90::mbarrier_wait(handed + ((chunk + 1) & 1) * 8, ((chunk + 1) >> 1) & 1);
      store(before);
    }
    sm90::wgmma_wait<0>();
    sm90::pin(g);
  }
  if (kLate && chunks > 0) {
    sm90::mbarrier_wait(handed + (chunks & 1) * 8, (chunks >> 1) & 1);
    store(before);
  }
}

/// A warpgroup without a pair keeps the ring turning.
template <typename Layout>
__device__ __forceinline__ void idle_role(int chunks, std::uint32_t base, int lane) {
  const std::uint32_t full = base + Layout::kBarriers, empty = full + Layout::kStages * 8;
  int stage = 0;
  std::uint32_t phase = 0;
#pragma unroll 1
  for (int chunk = 0; chunk < chunks; ++chunk) {
    sm90::mbarrier_wait(full + stage * 8, phase);
    __syncwarp();
    if (lane == 0) sm90::mbarrier_arrive(empty + stage * 8);
    if (++stage == Layout::kStages) stage = 0, phase ^= 1U;
  }
}

}  // namespace ssmprof::kernels::cuda::ssd_detail
