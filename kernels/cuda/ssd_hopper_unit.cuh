#pragma once

#include "kernels/cuda/ssd_hopper.cuh"
#include "kernels/cuda/ssd_sm90.cuh"

/// Where a CTA of the chunked kernels works, how its shared memory is laid out, and in which order
/// the chunks pass through it.
namespace ssmprof::kernels::cuda::ssd_detail {

/// What hangs on dt, per head and chunk: the factors 2^(cs[63] - cs'), cs, cs'.
constexpr int kTimesFloats = 192, kTimesSums = 64, kTimesLogs = 128;

/// kRingGate: the gate comes through the ring, see kInRing.
template <int kWarpgroups, int kPanels, bool kOutputs, bool kRingGate>
struct HopperLayout {
  static constexpr int kStages = kPanels <= 2 && !kRingGate ? 3 : 2;
  static constexpr int kX = 0;
  static constexpr int kB = kX + kWarpgroups * sm90::kPanelBytes;
  static constexpr int kC = kB + kPanels * sm90::kPanelBytes;
  static constexpr int kZ = kC + (kOutputs ? kPanels * sm90::kPanelBytes : 0);
  static constexpr int kStage = kZ + (kRingGate ? kWarpgroups * sm90::kPanelBytes : 0);
  static constexpr int kState = kStages * kStage;
  static constexpr int kStateBytes = kOutputs ? kPanels * sm90::kPanelBytes : 0;  // one of two
  static constexpr int kTimes = kState + 2 * kWarpgroups * kStateBytes;
  static constexpr int kTimesStage = kWarpgroups * kTimesFloats * 4;
  static constexpr int kBarriers = kTimes + kStages * kTimesStage;
  static constexpr int kStateBarriers = kBarriers + 2 * kStages * 8;  // full[2], empty[2] per head
  static constexpr int kReadyBarriers =
      kStateBarriers + kWarpgroups * 4 * 8;  // outputs: 2 per head
  // Of the carry: the sums have come, or within one launch: those of this block are complete.
  static constexpr int kCarryBarrier = kReadyBarriers + kWarpgroups * 2 * 8;
  static constexpr int kRelayBarriers = kCarryBarrier + 8;  // per head and piece of a warp
  static constexpr int kDecays = kRelayBarriers + kWarpgroups * kPanels * 64;  // and stretch
  // With the gate: of the norm behind it, a factor per row of the state.
  static constexpr int kWeights = kDecays + kWarpgroups * static_cast<int>(kSsdMaxStretches) * 4;
  static constexpr int kBytes = kWeights + (kOutputs ? kWarpgroups * 64 * 4 : 0);
};

/// The gate goes straight from memory to the registers of the outputs' threads, which leaves the
/// ring its third stage; only rows of odd alignment come through the ring.
template <bool kBulk, bool kGate>
inline constexpr bool kInRing = kGate && !kBulk;

/// Threads and registers of a kernel: 128 threads feed, 128 per pair keep the state, 128 more per
/// pair compute the outputs. The registers of the roles add up to those at entry.
template <int kWarpgroups, int kPanels, bool kOutputs>
struct Shape {
  static constexpr int kThreads = 128 * (1 + kWarpgroups * (kOutputs ? 2 : 1));
  static constexpr int kBlocks = !kOutputs && kPanels <= 2 ? 2 : 1;  // per multiprocessor
  static constexpr int kProducer = kPanels > 2 || kOutputs ? 40 : 32;
  static constexpr int kState = kPanels > 2 ? 232 : 104;
  static constexpr int kOutput = kPanels > 2 ? 232 : 112;
};

/// Where a CTA works: a stretch of the time of two heads. A segment of the outputs is as long as
/// `stretches` stretches of the states.
struct HopperUnit {
  int sequence, batch;
  std::int64_t start;  ///< token of the first chunk, within the batch row
  int segment, chunks;
  int rows;                 ///< tokens from `start` to the end of the sequence
  int group, pair0, pairs;  ///< (head, row tile) pairs of this CTA within the group

  __device__ HopperUnit(const HopperParams& p, int warpgroups, bool outputs) {
    const HopperCut& c = p.cut;
    // Volatile, so that a second HopperUnit costs instructions and not registers.
    int x, y;
    asm volatile("mov.u32 %0, %%ctaid.x;\nmov.u32 %1, %%ctaid.y;" : "=r"(x), "=r"(y));
    sequence = c.tiles.of(x);
    const int tile = x - sequence * static_cast<int>(c.tiles.by);
    group = c.group_tiles.of(tile);
    pair0 = (tile - group * static_cast<int>(c.group_tiles.by)) * warpgroups;
    pairs = min(warpgroups, c.group_pairs - pair0);
    int all = c.chunks, length = c.length;
    start = 0;
    batch = sequence;
    if (p.args.sequences.starts) {
      start = p.args.sequences.starts[sequence];
      length = static_cast<int>(p.args.sequences.starts[sequence + 1] - start);
      all = (length + 63) / 64;
      batch = 0;
    }
    segment = y;
    int skipped = 0, most = c.segment_chunks;
    if (!outputs) {
      segment = c.stretches.of(y);
      skipped = (y - segment * static_cast<int>(c.stretches.by)) * c.stretch_chunks;
      most = min(c.stretch_chunks, most - skipped);
    }
    const int begin = segment * c.segment_chunks + skipped + (segment > 0 ? c.first_more : 0);
    chunks = min(all - begin, most + (segment > 0 ? 0 : c.first_more));
    start += begin * static_cast<int>(kSsdChunk);
    rows = length - begin * static_cast<int>(kSsdChunk);
  }
  __device__ int head(const HopperParams& p, int w) const {
    return group * p.cut.heads + p.cut.row_tiles.of(pair0 + w);
  }
  __device__ int row0(const HopperParams& p, int w) const {
    const int pair = pair0 + w, by = static_cast<int>(p.cut.row_tiles.by);
    return (pair - p.cut.row_tiles.of(pair) * by) * 64;
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
    if (kForm == Form::both && u.segment + 1 == p.cut.segments) backward = 0;
    total = kForm == Form::states ? chunks : backward + chunks;
  }
  __device__ int chunk(int n) const { return n < backward ? backward - 1 - n : n - backward; }
};

/// The barrier of the block after its mbarriers' initialisation: the warp that initialises them
/// goes on at once, and the others have something to do before.
template <int kThreads>
__device__ __forceinline__ void barriers_ready() {
  sm90::group_barrier(8, kThreads);
}

}  // namespace ssmprof::kernels::cuda::ssd_detail
