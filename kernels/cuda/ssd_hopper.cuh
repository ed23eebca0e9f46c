#pragma once

#include <cuda.h>

#include "kernels/cuda/ssd_common.cuh"
#include "kernels/launch.hpp"
#include "kernels/ssd.hpp"

namespace ssmprof::kernels::cuda {

/// How the tensor-core path runs a shape. Chunks of 64 tokens; a CTA owns `warpgroups` consecutive
/// (head, 64 rows of the state) pairs of one group and one of `segments` stretches of the time.
struct SsdPlan {
  int warpgroups = 2;
  std::int64_t panels = 0;     ///< ⌈state / 64⌉
  std::int64_t row_tiles = 0;  ///< ⌈head_dim / 64⌉
  std::int64_t chunks = 0;     ///< of the longest sequence when there is one per batch
  std::int64_t segments = 1;
  std::int64_t chunks_per_segment = 0;
  std::int64_t stretches = 1;   ///< of a segment, each a CTA of the states' launch
  std::int64_t tiles = 0;       ///< CTAs per segment
  bool together = false;        ///< states and outputs in one launch, a cluster per tile
  std::int64_t first_more = 0;  ///< chunks that the first segment then has more, and the last less
};

/// Segments, and chunks of a segment, up to which states and outputs are computed together.
constexpr std::int64_t kSsdMaxTogether = 8, kSsdTogetherChunks = 12;

/// Chunks of a stretch that are worth a CTA: the carry costs as much as several.
constexpr std::int64_t kSsdStretchChunks = 8;

/// The stretches of all segments but the last are carried within one cluster of so many blocks.
constexpr std::int64_t kSsdMaxStretches = 16;

constexpr std::int64_t kSsdChunk = 64;

/// Below it the recurrence is as fast, and no rounding of the state at the start stands alone.
constexpr std::int64_t kSsdLeastLength = 16;

/// True when the arguments suit the tensor-core path (16-bit elements, Δ never negative, not too
/// short).
bool ssd_hopper_supports(const SsdArgs& args);

/// The plan for a card of `processors` multiprocessors.
SsdPlan ssd_hopper_plan(const SsdArgs& args, int processors);

/// Floats of scratch: the states at the start of the segments, none when there is one.
std::size_t ssd_hopper_workspace(const SsdArgs& args, const SsdPlan& plan);

/// Chunked SSD with the state resident in the accumulators of the warpgroup matrix products. One
/// launch; two when the time is split: the states of the segments, carried from one to the next
/// within a cluster, then the outputs.
void ssd_hopper(const SsdArgs& args, const SsdPlan& plan, const Launch& where);

namespace ssd_detail {

/// Divides by a number known at the launch; a division proper is long code before all else.
struct Divisor {
  unsigned by, factor;
  Divisor() = default;
  explicit Divisor(int n) : by(static_cast<unsigned>(n)), factor(0xFFFFFFFFU / by) {}
  /// Of 0 ≤ n < 2^31.
  __device__ int of(int n) const {
    const auto u = static_cast<unsigned>(n);
    const unsigned q = __umulhi(u, factor);  // at most one too small
    return static_cast<int>(u - q * by >= by ? q + 1 : q);
  }
};

/// The plan and the shape as the kernels use them: near each other, and in the words of their
/// arithmetic.
struct HopperCut {
  int sequences, groups;         ///< sequences: or batch rows
  Divisor tiles, group_tiles;    ///< CTAs per (segment, sequence), and group
  Divisor row_tiles, stretches;  ///< as in the plan
  int heads, group_pairs;        ///< of a group; pairs: (head, 64 rows of the state)
  int chunks, length;            ///< of a sequence, unless they are packed
  int segments, segment_chunks, first_more, stretch_chunks;
  int parts;   ///< sums of squares per token
  int pieces;  ///< of a pair's state, carried by one block of the cluster: the most
};

struct HopperParams {
  CUtensorMap x_map, b_map, c_map;  ///< 64 × 64 panels; used when `bulk`
  CUtensorMap z_map;                ///< used when `z_ahead`
  CUtensorMap out_map;              ///< used when `out_bulk`
  HopperCut cut;
  DtTransform dt;
  SsdArgs args;
  bool bulk;                               ///< x, b and c come through the bulk copy engine
  int x_bytes, b_bytes, c_bytes, z_bytes;  ///< width of an aligned access: 16, 8, 4 or 2
  bool z_ahead;                            ///< z is asked for ahead of its use, into the L2
  bool out_bulk;                           ///< out leaves through the bulk copy engine
  bool out_vector;                         ///< otherwise by 16-byte stores
  bool overlap;                            ///< with the launch before
  float* states;                           ///< workspace: state at the start of each segment
};

/// A piece of a pair's state: four elements of each thread of a warp.
constexpr int kPieceBytes = 512, kPanelPieces = 32;

}  // namespace ssd_detail
}  // namespace ssmprof::kernels::cuda
