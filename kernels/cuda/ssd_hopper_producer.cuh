#pragma once

#include "kernels/cuda/ssd_hopper_feed.cuh"

/// The warpgroup that feeds the ring and takes the outputs from it.
namespace ssmprof::kernels::cuda::ssd_detail {

/// Takes the outputs of pair w, which stand in the place of its X, to memory: a warp.
template <typename T, typename Layout, bool kBulk>
struct OutputRows {
  T* out;    ///< the lane's 16 bytes of its first row: a row per 8 lanes
  int rows;  ///< to the end of the sequence, counted from there
  int columns, w;
  int row0, head, batch, start;  ///< for the bulk copy engine
  bool any;

  __device__ OutputRows(const HopperParams& p, const HopperUnit& u, int pair, int lane)
      : rows(u.rows - lane / 8),
        w(pair),
        row0(u.row0(p, pair)),
        head(u.head(p, pair)),
        batch(u.batch),
        start(static_cast<int>(u.start)),
        any(pair < u.pairs) {
    const SsdArgs& a = p.args;
    const int column = row0 + lane % 8 * 8;
    columns = min(64 - lane % 8 * 8, static_cast<int>(a.head_dim) - column);
    out = static_cast<T*>(a.out.data) + u.batch * a.out.batch_stride +
          (u.start + lane / 8) * a.out.row_stride + static_cast<std::int64_t>(head) * a.head_dim +
          column;
    if (columns <= 0) rows = 0;
  }
  /// The unit's chunk n, at place `at` of the ring.
  __device__ __forceinline__ void store(const HopperParams& p, std::uint32_t base, int n, int at,
                                        int lane) {
    if (!any) return;
    const int stage = at % Layout::kStages;
    std::uint32_t panel = base + stage * Layout::kStage + Layout::kX + w * sm90::kPanelBytes;
    const std::uint32_t empty = base + Layout::kBarriers + (Layout::kStages + stage) * 8;
    mbarrier_wait(base + Layout::kReadyBarriers + (w * 2 + (n & 1)) * 8, n >> 1 & 1);
    if (kBulk && p.out_bulk) {
      if (lane == 0) {
        sm90::fence_async();
        sm90::tma_store_panel(&p.out_map, panel, row0, head,
                              start + n * static_cast<int>(kSsdChunk), batch);
        mbarrier_arrive(empty);
      }
      __syncwarp();
      return;
    }
    panel += lane / 8 * 128;
    // Rows 4i + lane / 8: the piece of the lane alternates between two places.
    const std::uint32_t even = panel + ((lane % 8 ^ lane / 8) * 16);
    const std::int64_t step = 4 * p.args.out.row_stride;
#pragma unroll 1
    for (int i = 0; i < 16; i += 2) {
      const uint4 v = sm90::load_shared16(even + i * 512);
      const uint4 next = sm90::load_shared16((even ^ 64) + i * 512 + 512);
      if (p.out_vector) {
        if (i * 4 < rows) *reinterpret_cast<uint4*>(out) = v;
        if (i * 4 + 4 < rows) *reinterpret_cast<uint4*>(out + step) = next;
      } else {
        if (i * 4 < rows) store_elements(out, v);
        if (i * 4 + 4 < rows) store_elements(out + step, next);
      }
      out += 2 * step;
    }
    rows -= static_cast<int>(kSsdChunk);
    __syncwarp();
    if (lane == 0) mbarrier_arrive(empty);
  }
  __device__ __forceinline__ void store_elements(T* to, uint4 v) const {
    const std::uint32_t words[4] = {v.x, v.y, v.z, v.w};
    auto* o = reinterpret_cast<std::uint16_t*>(to);
#pragma unroll
    for (int k = 0; k < 8; ++k) {
      if (k < columns) o[k] = static_cast<std::uint16_t>(words[k / 2] >> (16 * (k % 2)));
    }
  }
};

/// Feeds the ring, and empties it of outputs: one warp (of the states: as many as there are stages,
/// each its own) sums dt, one per pair takes outputs to memory; x, b and c come through the bulk
/// copy engine, started by the last, or through all four warps.
template <typename T, int kWarpgroups, int kPanels, Form kForm, bool kBulk, bool kGate>
__device__ __forceinline__ void hopper_producer(const HopperParams& p, const HopperUnit& u,
                                                std::uint32_t base, int tid) {
  constexpr bool kOutputs = kForm != Form::states;
  using Layout = HopperLayout<kWarpgroups, kPanels, kOutputs, kInRing<kBulk, kGate>>;
  constexpr int kStages = Layout::kStages;
  constexpr int kThreads = Shape<kWarpgroups, kPanels, kOutputs>::kThreads;
  static_assert(kWarpgroups <= 2 && (kForm != Form::both || (kBulk && kStages == 3)));
  const std::uint32_t full = base + Layout::kBarriers, empty = full + kStages * 8;
  const int lane = tid % 32, warp = __shfl_sync(0xffffffffU, tid / 32, 0);
  const Passage<kForm> passage(p, u);
  const int backward = passage.backward, total = passage.total, rows = u.rows;
  const bool stores = kOutputs && warp > 0 && warp <= kWarpgroups;
  if (kBulk && warp == 3) {
    copy_role<Layout, kWarpgroups, kPanels, kForm, kGate>(p, u, base, lane);
    return;
  }
  if constexpr (kBulk) {
    // A warp per stage sums dt backward and for the first chunks forward, then the first alone.
    const int turns = min(backward + kStages, total), end = warp == 0 ? total : turns;
    const auto after = [&](int n) {
      if (n >= turns) return n + 1;
      return n + kStages < turns ? n + kStages : warp == 0 ? turns : end;
    };
    if (warp < kStages) {
      TimesRole<T, kWarpgroups, kOutputs> times(p, u, lane);
      const auto left_at = [&](int n) {
        return rows - passage.chunk(n) * static_cast<int>(kSsdChunk);
      };
      const auto load = [&](int n) {
        if (n < end) times.load(p, passage.chunk(n), left_at(n), lane);
      };
      int n = warp;
      load(n);
      barriers_ready<kThreads>();
      if constexpr (kForm == Form::both) sm90::cluster_arrive();
      bool cluster_waits = kForm == Form::both;
#pragma unroll 1
      while (n < end) {
        const int stage = n % kStages;
        const auto values = times.sum(p, left_at(n), lane);
        const int next = after(n);
        load(next);
        mbarrier_wait(empty + stage * 8, (n / kStages & 1) ^ 1);
        times.store(values, base + Layout::kTimes + stage * Layout::kTimesStage, lane);
        mbarrier_arrive(full + stage * 8);
        n = next;
        if (cluster_waits) sm90::cluster_wait();
        cluster_waits = false;
      }
      if (cluster_waits) sm90::cluster_wait();
    } else {
      barriers_ready<kThreads>();
      if constexpr (kForm == Form::both) sm90::cluster_arrive(), sm90::cluster_wait();
    }
    if (!stores) return;
    OutputRows<T, Layout, kBulk> out(p, u, warp - 1, lane);
#pragma unroll 1
    for (int n = 0; n < total - backward; ++n) out.store(p, base, n, backward + n, lane);
  } else {
    constexpr int kTurns = kOutputs ? 1 : kStages;
    TimesRole<T, kWarpgroups, kOutputs> times(p, u, lane);
    const auto left_at = [&](int n) {
      return rows - passage.chunk(n) * static_cast<int>(kSsdChunk);
    };
    const auto load = [&](int n) {
      if (n < total) times.load(p, passage.chunk(n), left_at(n), lane);
    };
    if (warp < kTurns) load(warp);
    OutputRows<T, Layout, kBulk> out(p, u, stores ? warp - 1 : u.pairs, lane);
    int turn = 0;
#pragma unroll 1
    for (int n = 0; n < total + (kOutputs ? kStages : 0); ++n) {
      const int leaving = n - kStages;
      if (stores && leaving >= 0 && leaving < total) out.store(p, base, leaving, leaving, lane);
      if (n >= total) continue;
      const int stage = n % kStages;
      mbarrier_wait(empty + stage * 8, (n / kStages & 1) ^ 1);
      if (turn == warp) {
        times.store(times.sum(p, left_at(n), lane),
                    base + Layout::kTimes + stage * Layout::kTimesStage, lane);
        load(n + kTurns);
      }
      if (++turn == kTurns) turn = 0;
      load_chunk<T, Layout, kWarpgroups, kPanels, kOutputs, kGate>(
          p, u, passage.chunk(n), base + stage * Layout::kStage, tid);
      // The readers fence: scalar copies are ordinary stores.
      sm90::cp_async_arrive(full + stage * 8);
      mbarrier_arrive(full + stage * 8);
    }
  }
}

}  // namespace ssmprof::kernels::cuda::ssd_detail
