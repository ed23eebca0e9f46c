#pragma once

#include "kernels/cuda/ssd_hopper.cuh"
#include "kernels/cuda/ssd_sm90.cuh"

/// Where a CTA of the chunked kernels works, how its shared memory is laid out, and in which order
/// the chunks pass through it.
namespace ssmprof::kernels::cuda::ssd_detail {

/// What hangs on dt, per head and chunk: the factors 2^(cs[63] - cs'), cs, cs'.
constexpr int kTimesFloats = 192, kTimesSums = 64, kTimesLogs = 128;

template <int kWarpgroups, int kPanels, bool kOutputs, bool kGate>
struct HopperLayout {
  static constexpr int kStages = kPanels <= 2 && !kGate ? 3 : 2;
  static constexpr int kX = 0;
  static constexpr int kB = kX + kWarpgroups * sm90::kPanelBytes;
  static constexpr int kC = kB + kPanels * sm90::kPanelBytes;
  static constexpr int kZ = kC + (kOutputs ? kPanels * sm90::kPanelBytes : 0);
  static constexpr int kStage = kZ + (kGate ? kWarpgroups * sm90::kPanelBytes : 0);
  static constexpr int kState = kStages * kStage;
  static constexpr int kStateBytes = kOutputs ? kPanels * sm90::kPanelBytes : 0;  // one of two
  static constexpr int kTimes = kState + 2 * kWarpgroups * kStateBytes;
  static constexpr int kTimesStage = kWarpgroups * kTimesFloats * 4;
  static constexpr int kBarriers = kTimes + kStages * kTimesStage;
  static constexpr int kStateBarriers = kBarriers + 2 * kStages * 8;  // full[2], empty[2] per head
  static constexpr int kReadyBarriers =
      kStateBarriers + kWarpgroups * 4 * 8;                             // outputs: 2 per head
  static constexpr int kDecays = kReadyBarriers + kWarpgroups * 2 * 8;  // of the stretch, per head
  static constexpr int kBytes = kDecays + kWarpgroups * 4;
};

/// Where a CTA works: a stretch of the time of two heads. A segment of the outputs is as long as
/// `stretches` stretches of the states.
struct HopperUnit {
  std::int64_t sequence, batch;
  std::int64_t start;  ///< token of the first chunk, within the batch row
  int segment, chunk_begin, chunks;
  int rows;                       ///< tokens from `start` to the end of the sequence
  int tile, group, pair0, pairs;  ///< (head, row tile) pairs of this CTA within the group

  __device__ HopperUnit(const HopperParams& p, int warpgroups, bool outputs) {
    const SsdArgs& a = p.args;
    const auto tiles = static_cast<unsigned>(p.group_tiles * static_cast<int>(a.groups));
    // Volatile, so that a second HopperUnit costs instructions and not registers.
    unsigned x, y;
    asm volatile("mov.u32 %0, %%ctaid.x;\nmov.u32 %1, %%ctaid.y;" : "=r"(x), "=r"(y));
    tile = static_cast<int>(x % tiles);
    sequence = x / tiles;
    group = tile / p.group_tiles;
    const int per_group =
        static_cast<int>(a.heads) / static_cast<int>(a.groups) * static_cast<int>(p.plan.row_tiles);
    pair0 = tile % p.group_tiles * warpgroups;
    pairs = min(warpgroups, per_group - pair0);
    std::int64_t first = 0, length = a.length;
    batch = sequence;
    if (a.sequences.starts) {
      first = a.sequences.starts[sequence];
      length = a.sequences.starts[sequence + 1] - first;
      batch = 0;
    }
    const int all = static_cast<int>((length + kSsdChunk - 1) / kSsdChunk);
    const int stretches = outputs ? 1 : static_cast<int>(p.plan.stretches);
    const int per_segment = static_cast<int>(p.plan.chunks_per_segment);
    const int per_stretch = (per_segment + stretches - 1) / stretches;
    segment = static_cast<int>(y) / stretches;
    const int skipped = static_cast<int>(y) % stretches * per_stretch;
    chunk_begin = segment * per_segment + skipped;
    chunks = all - chunk_begin;
    if (p.plan.segments > 1) chunks = min(chunks, min(per_stretch, per_segment - skipped));
    start = first + static_cast<std::int64_t>(chunk_begin) * kSsdChunk;
    rows = static_cast<int>(length - static_cast<std::int64_t>(chunk_begin) * kSsdChunk);
  }
  __device__ int head(const HopperParams& p, int w) const {
    const int per_group = static_cast<int>(p.args.heads) / static_cast<int>(p.args.groups);
    return group * per_group + (pair0 + w) / static_cast<int>(p.plan.row_tiles);
  }
  __device__ int row0(const HopperParams& p, int w) const {
    return (pair0 + w) % static_cast<int>(p.plan.row_tiles) * 64;
  }
};

/// What a launch computes: the states of the stretches, the outputs, or first one, then the other.
enum class Form { states, outputs, both };

/// The chunks of a CTA in the order in which they pass through the ring: `backward` from the last
/// to the first for the state that it reaches, then forward for the outputs.
template <Form kForm>
struct Passage {
  int backward, total;
  __device__ explicit Passage(const HopperParams& p, const HopperUnit& u) {
    const int chunks = max(u.chunks, 0);
    backward = kForm == Form::outputs ? 0 : chunks;
    if (kForm == Form::both && u.segment + 1 == p.plan.segments) backward = 0;
    total = kForm == Form::states ? chunks : backward + chunks;
  }
  __device__ int chunk(int n) const { return n < backward ? backward - 1 - n : n - backward; }
  /// Up to here the ring is filled before the states are carried.
  __device__ int ahead(int stages) const { return min(backward + stages, total); }
};

/// The part in the carry of threads that do not carry: the blocks of the cluster have left their
/// states, then the states have been carried.
__device__ __forceinline__ void carry_elsewhere() {
  sm90::cluster_barrier();
  sm90::cluster_barrier();
}

}  // namespace ssmprof::kernels::cuda::ssd_detail
