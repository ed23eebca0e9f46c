#pragma once

#include "kernels/cuda/ssd_hopper_fragments.cuh"
#include "kernels/cuda/ssd_hopper_producer.cuh"

/// The roles of the chunked kernels. Per chunk of Q = 64 tokens and per head, with cs the inclusive
/// cumulative sum of Δ·A·log2(e) and cs' = cs - log2(Δ):
///   Y  = 2^cs[t] · (C Sᵀ) + M X,   M[t,s] = (C Bᵀ)[t,s] · 2^(cs[t] - cs'[s]) for s ≤ t
///   S  = 2^cs[Q-1] · S + (X · 2^(cs[Q-1] - cs'))ᵀ B
/// One warpgroup per head keeps S [64 × N] in its accumulators and hands it on in 16 bits, in two
/// buffers, as the operand of C Sᵀ; another computes Y. M and the scaled X enter as register
/// operands.
namespace ssmprof::kernels::cuda::ssd_detail {

/// A segment state in the workspace: for each (sequence, tile, warpgroup) the fragments of its 128
/// threads, pair of elements by pair of elements, so that every access is coalesced.
template <int kWarpgroups, int kPanels>
__device__ __forceinline__ float2* segment_state(const HopperParams& p, const HopperUnit& u,
                                                 std::int64_t segment, int w, int thread) {
  const std::int64_t tiles = static_cast<std::int64_t>(gridDim.x);
  return reinterpret_cast<float2*>(p.states) +
         ((segment * tiles + blockIdx.x) * kWarpgroups + w) * (kPanels * 16 * 128) + thread;
}

/// Turns the states that the segments of this cluster reach from zero into the states that they
/// start from: block `segment` carries its share of the fragments through all segments.
template <int kWarpgroups, int kPanels>
__device__ __forceinline__ void carry_states(const HopperParams& p, const HopperUnit& u,
                                             std::uint32_t fragments, std::uint32_t decays, int w,
                                             int thread) {
  const SsdArgs& a = p.args;
  const int ranks = static_cast<int>(gridDim.y), rank = static_cast<int>(blockIdx.y);
  const int lane = thread % 32, warp = thread / 32;
  const int row0 = u.row0(p, w), rows = min(64, static_cast<int>(a.head_dim) - row0);
  float keep[8];
#pragma unroll
  for (int j = 0; j < 8; ++j) {
    keep[j] = j < ranks ? exp2f(sm90::load_cluster(sm90::cluster_address(decays + w * 4, j))) : 0;
  }
  const std::int64_t start = ((u.sequence * a.heads + u.head(p, w)) * a.head_dim + row0) * a.state;
#pragma unroll 1
  for (int e = rank; e < kPanels * 16; e += ranks) {
    const std::uint32_t at = fragments + ((w * kPanels * 16 + e) * 128 + thread) * 8;
    float2 v[8];
#pragma unroll
    for (int j = 0; j < 8; ++j) {
      v[j] = j < ranks ? sm90::load_cluster2(sm90::cluster_address(at, j)) : float2{};
    }
    float2 run{};
    if (a.initial_state) {
      const int r = warp * 16 + lane / 4 + (e & 1) * 8;
      const int n = e / 16 * 64 + e % 16 / 2 * 8 + (lane % 4) * 2;
      const float* from = a.initial_state + start + r * a.state + n;
      if (r < rows && n < a.state) run.x = from[0];
      if (r < rows && n + 1 < a.state) run.y = from[1];
      segment_state<kWarpgroups, kPanels>(p, u, 0, w, thread)[e * 128] = run;
    }
#pragma unroll
    for (int j = 0; j < 8; ++j) {
      if (j < ranks) {
        run.x = fmaf(run.x, keep[j], v[j].x);
        run.y = fmaf(run.y, keep[j], v[j].y);
        segment_state<kWarpgroups, kPanels>(p, u, j + 1, w, thread)[e * 128] = run;
      }
    }
  }
}

/// The warpgroup that keeps the state of pair w. kOutputs: hands S on to outputs_role; otherwise
/// leaves the fragments and the decay of the segment in shared memory for carry_states.
template <typename T, int kWarpgroups, int kPanels, bool kOutputs, bool kBulk, bool kGate>
__device__ __forceinline__ void state_role(const HopperParams& p, const HopperUnit& u, char* smem,
                                           int w, int thread) {
  using Layout = HopperLayout<kWarpgroups, kPanels, kOutputs, kGate>;
  const SsdArgs& a = p.args;
  const std::uint32_t base = sm90::smem_address(smem);
  const std::uint32_t full = base + Layout::kBarriers, empty = full + Layout::kStages * 8;
  const std::uint32_t handed = base + Layout::kStateBarriers + w * 32, taken = handed + 16;
  const int lane = thread % 32, warp = __shfl_sync(0xffffffffU, thread / 32, 0);
  const int row0 = u.row0(p, w), rows = min(64, static_cast<int>(a.head_dim) - row0);
  const int columns = static_cast<int>(a.state);
  const std::int64_t state_at =
      ((u.sequence * a.heads + u.head(p, w)) * a.head_dim + row0) * a.state;
  const PanelOffsets offsets(warp, lane);
  const std::uint32_t buffers = base + Layout::kState + 2 * w * Layout::kStateBytes;

  float s[kPanels][32];
#pragma unroll
  for (int q = 0; q < kPanels; ++q) {
#pragma unroll
    for (int i = 0; i < 32; ++i) s[q][i] = 0.0F;
  }
  const auto hand_on = [&](int n) {  // S before chunk n
    state_to_shared<T, kPanels>(s, buffers + (n & 1) * Layout::kStateBytes + offsets.straight);
    sm90::fence_async();
    sm90::mbarrier_arrive(handed + (n & 1) * 8);
  };
  if constexpr (kOutputs) {
    if (p.plan.segments > 1 && (u.segment > 0 || a.initial_state)) {
      const float2* from = segment_state<kWarpgroups, kPanels>(p, u, u.segment, w, thread);
#pragma unroll
      for (int e = 0; e < kPanels * 16; ++e) {
        const float2 v = from[e * 128];
        s[e / 16][e % 16 * 2] = v.x, s[e / 16][e % 16 * 2 + 1] = v.y;
      }
    } else if (a.initial_state) {
      state_copy<kPanels, true>(s, const_cast<float*>(a.initial_state) + state_at, rows, columns,
                                warp, lane);
    }
    hand_on(0);
  }
  float decayed = 0.0F;
  int stage = 0;
  std::uint32_t phase = 0;
  const int chunks = static_cast<int>(u.chunk_end - u.chunk_begin);
  float end = 0.0F;
  // The scaled X of the next chunk is made while the tensor cores work on this one's.
  constexpr bool kAhead = !kOutputs;
  std::uint32_t xw[kAhead ? 2 : 1][4][4];
  const auto load_chunk = [&](std::uint32_t(&f)[4][4]) {
    sm90::mbarrier_wait(full + stage * 8, phase);
    if constexpr (!kBulk) sm90::fence_async();
    const float* cs =
        reinterpret_cast<const float*>(smem + Layout::kTimes + stage * Layout::kTimesStage) +
        w * 128;
    end = cs[63];
    scaled_x<T>(
        f, base + stage * Layout::kStage + Layout::kX + w * sm90::kPanelBytes + offsets.transposed,
        cs + 64 + (lane % 4) * 2, end);
  };
  const auto multiply = [&](const std::uint32_t(&f)[4][4]) {
    decayed += end;
    const float keep = sm90::exp2_fast(end);
#pragma unroll
    for (int q = 0; q < kPanels; ++q) {
#pragma unroll
      for (int i = 0; i < 32; ++i) s[q][i] *= keep;
    }
    const std::uint64_t desc_b = sm90::panel_descriptor(base + stage * Layout::kStage + Layout::kB);
    sm90::wgmma_fence();
#pragma unroll
    for (int q = 0; q < kPanels; ++q) {
#pragma unroll
      for (int k = 0; k < 4; ++k) {
        sm90::wgmma_rs<T, true>(s[q], f[k], desc_b + q * (sm90::kPanelBytes / 16) + k * 128, 1);
      }
    }
    sm90::wgmma_commit();
  };
  const auto finish = [&](int released) {
    sm90::wgmma_wait<0>();
#pragma unroll
    for (int q = 0; q < kPanels; ++q) sm90::pin(s[q]);
    if (lane == 0) sm90::mbarrier_arrive(empty + released * 8);
  };
  const auto advance = [&] {
    if (++stage == Layout::kStages) stage = 0, phase ^= 1U;
  };
  if constexpr (kAhead) {
    if (chunks > 0) load_chunk(xw[0]);
      // Two chunks a turn, so that the two sets of fragments keep constant names.
#pragma unroll 1
    for (int chunk = 0; chunk < chunks; chunk += 2) {
#pragma unroll
      for (int n = 0; n < 2; ++n) {
        if (chunk + n < chunks) {
          multiply(xw[n]);
          const int used = stage;
          advance();
          if (chunk + n + 1 < chunks) load_chunk(xw[1 - n]);
          finish(used);
        }
      }
    }
  } else {
#pragma unroll 1
    for (int chunk = 0; chunk < chunks; ++chunk) {
      load_chunk(xw[0]);
      multiply(xw[0]);
      finish(stage);
      advance();
      if (chunk > 0) sm90::mbarrier_wait(taken + ((chunk + 1) & 1) * 8, ((chunk - 1) >> 1) & 1);
      hand_on(chunk + 1);
    }
  }
  if constexpr (kOutputs) {
    if (a.final_state && u.segment == p.plan.segments - 1) {
      state_copy<kPanels, false>(s, a.final_state + state_at, rows, columns, warp, lane);
    }
  } else {
    // Every stage has been consumed: the ring now holds the fragments for the carry.
    sm90::group_barrier(15, HopperUnit(p, kWarpgroups).pairs * 128);
    auto* fragments = reinterpret_cast<float2*>(smem) + w * kPanels * 16 * 128 + thread;
#pragma unroll
    for (int e = 0; e < kPanels * 16; ++e) {
      fragments[e * 128] = make_float2(s[e / 16][e % 16 * 2], s[e / 16][e % 16 * 2 + 1]);
    }
    if (thread == 0) reinterpret_cast<float*>(smem + Layout::kTimes)[w] = decayed;
  }
}

/// The warpgroup that computes the outputs of pair w.
template <typename T, int kWarpgroups, int kPanels, bool kBulk, bool kGate>
__device__ __forceinline__ void outputs_role(const HopperParams& p, const HopperUnit& u, char* smem,
                                             int w, int thread) {
  using Layout = HopperLayout<kWarpgroups, kPanels, true, kGate>;
  const SsdArgs& a = p.args;
  const std::uint32_t base = sm90::smem_address(smem);
  const std::uint32_t full = base + Layout::kBarriers, empty = full + Layout::kStages * 8;
  const std::uint32_t handed = base + Layout::kStateBarriers + w * 32, taken = handed + 16;
  const int lane = thread % 32, warp = __shfl_sync(0xffffffffU, thread / 32, 0);
  const int head = u.head(p, w), row0 = u.row0(p, w);
  const int columns = min(64, static_cast<int>(a.head_dim) - row0);
  const float skip = a.d ? a.d[head] : 0.0F;
  const PanelOffsets offsets(warp, lane);
  const std::uint32_t buffers = base + Layout::kState + 2 * w * Layout::kStateBytes;
  // The thread's place in z and in out; both move on by a chunk at a time.
  const std::int64_t row = u.first + u.chunk_begin * kSsdChunk + warp * 16;
  const std::int64_t column = static_cast<std::int64_t>(head) * a.head_dim + row0;
  const int piece = (lane % 8) * 8;
  T* out = static_cast<T*>(a.out.data) + u.batch * a.out.batch_stride +
           (row + lane / 8) * a.out.row_stride + column + piece;
  int rows = static_cast<int>(min(u.length - u.chunk_begin * kSsdChunk, std::int64_t{1} << 30)) -
             warp * 16;
  int stage = 0;
  std::uint32_t phase = 0;
  const int chunks = static_cast<int>(u.chunk_end - u.chunk_begin);
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
#pragma unroll 1
  for (int chunk = 0; chunk < chunks; ++chunk) {
    const std::uint32_t tile = base + stage * Layout::kStage;
    const std::uint32_t tile_x = tile + Layout::kX + w * sm90::kPanelBytes;
    const float* cs =
        reinterpret_cast<const float*>(smem + Layout::kTimes + stage * Layout::kTimesStage) +
        w * 128;
    sm90::mbarrier_wait(full + stage * 8, phase);
    if constexpr (!kBulk) sm90::fence_async();
    sm90::mbarrier_wait(handed + (chunk & 1) * 8, (chunk >> 1) & 1);
    sm90::wgmma_fence();
    product_c(g, tile, tile + Layout::kB);
    product_c(y, tile, buffers + (chunk & 1) * Layout::kStateBytes);
    const float cs0 = cs[warp * 16 + lane / 4], cs1 = cs[warp * 16 + lane / 4 + 8];
    sm90::wgmma_wait<1>();
    sm90::pin(g);
    std::uint32_t m[4][4];
    decayed_scores<T>(m, g, cs0, cs1, cs + 64 + (lane % 4) * 2, warp, lane);
    sm90::wgmma_wait<0>();
    sm90::pin(y);
    sm90::mbarrier_arrive(taken + (chunk & 1) * 8);
    scale_rows(y, cs0, cs1);
    const std::uint64_t desc_x = sm90::panel_descriptor(tile_x);
    sm90::wgmma_fence();
#pragma unroll
    for (int k = 0; k < 4; ++k) sm90::wgmma_rs<T, true>(y, m[k], desc_x + k * 128, 1);
    sm90::wgmma_commit();
    sm90::wgmma_wait<0>();
    sm90::pin(y);
    // The outputs take the place of X: its other readers are this warpgroup and the state's, which
    // has read it once it hands on the next state.
    sm90::group_barrier(1 + w, 128);
    sm90::mbarrier_wait(handed + ((chunk + 1) & 1) * 8, ((chunk + 1) >> 1) & 1);
    outputs_to_shared<T, kGate>(y, tile_x + offsets.straight, Layout::kZ - Layout::kX, skip);
    __syncwarp();
    store_outputs(tile_x + offsets.row, out, a.out.row_stride, rows - lane / 8, columns - piece,
                  p.out_vector);
    out += kSsdChunk * a.out.row_stride;
    rows -= static_cast<int>(kSsdChunk);
    __syncwarp();
    if (lane == 0) sm90::mbarrier_arrive(empty + stage * 8);
    if (++stage == Layout::kStages) stage = 0, phase ^= 1U;
  }
}

/// A warpgroup without a pair keeps the ring turning.
template <int kWarpgroups, int kPanels, bool kOutputs, bool kGate>
__device__ __forceinline__ void idle_role(const HopperUnit& u, std::uint32_t base, int lane) {
  using Layout = HopperLayout<kWarpgroups, kPanels, kOutputs, kGate>;
  const std::uint32_t full = base + Layout::kBarriers, empty = full + Layout::kStages * 8;
  int stage = 0;
  std::uint32_t phase = 0;
#pragma unroll 1
  for (std::int64_t chunk = u.chunk_begin; chunk < u.chunk_end; ++chunk) {
    sm90::mbarrier_wait(full + stage * 8, phase);
    __syncwarp();
    if (lane == 0) sm90::mbarrier_arrive(empty + stage * 8);
    if (++stage == Layout::kStages) stage = 0, phase ^= 1U;
  }
}

}  // namespace ssmprof::kernels::cuda::ssd_detail
