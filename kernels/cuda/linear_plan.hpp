#pragma once

#include <cstdint>

// How a linear layer is cut and what its blocks hold. Free of CUDA, so that it is tested anywhere.
namespace ssmprof::kernels::cuda {

inline constexpr int kLinearStep = 32;  ///< inputs per step: four lanes with 16 bytes each

/// Steps that a warp asks for ahead of its products, itself included, by tiles per warp.
constexpr int linear_depth(int tiles) {
  return tiles == 1 ? 8 : 6;
}
/// Bytes of weights that a warp uses per step.
constexpr int linear_step_bytes(int tiles) {
  return tiles * 1024;
}
/// Tiles of 8 rows of x that the products cover: 1, 2, 4 or 8.
constexpr int linear_row_tiles(std::int64_t rows) {
  return rows <= 8 ? 1 : rows <= 16 ? 2 : rows <= 32 ? 4 : 8;
}
/// Warps of a block at most: with all rows and two tiles a thread needs up to 168 registers.
constexpr int linear_most_warps(int row_tiles, int tiles) {
  return row_tiles * tiles == 16 ? 12 : 16;
}

/// A block's warps stand `across` row groups of the weights (of `tiles` · 16 rows each) and `along`
/// the inputs; `split` blocks, a cluster, share the inputs of their rows.
struct LinearPlan {
  int tiles = 1;   ///< 1 or 2
  int across = 1;  ///< across · along at most linear_most_warps()
  int along = 1;
  int split = 1;  ///< 1, 2, 4 or 8; above 1 needs clusters (sm_90)
};

struct LinearDevice {
  int multiprocessors = 0;
  int shared = 0;         ///< bytes that one block may use
  bool clusters = false;  ///< sm_90 code on an sm_90 device
};

inline constexpr int kLinearScales = 64 * 4;  ///< bytes of the rows' scales

/// Shared memory: the warps' queues, x; later the sums of all warps in their place. Behind both the
/// rows' scales and a barrier: what has been a barrier must not be written to as memory.
struct LinearLayout {
  int steps = 0;  ///< of all inputs
  int queue = 0;  ///< steps that a warp's queue holds, at most linear_depth()
  int x_at = 0;   ///< byte offset of x
  int chunk = 0;  ///< steps of x held at once; 0: the plan does not fit
  int pitch = 0;  ///< bytes between rows of x: 16 modulo 128, so that eight lie in distinct banks
  int scales_at = 0;
  int shared = 0;  ///< bytes
  int blocks = 0, threads = 0;
};

/// With at most `room` bytes of shared memory per block.
LinearLayout lay_out_linear(std::int64_t rows, std::int64_t inputs, std::int64_t outputs,
                            const LinearPlan& plan, int room);

/// The plan that a model of the device expects to be fastest; it always fits the device.
LinearPlan plan_linear(std::int64_t rows, std::int64_t inputs, std::int64_t outputs,
                       const LinearDevice& device);

/// Up to so many rows the weights are streamed by linear_stream.cuh, more of them on Hopper go
/// through linear_wide.cuh.
inline constexpr std::int64_t kLinearStreamed = 8;

inline constexpr int kLinearWideTiles[] = {24, 40, 48, 64, 80, 88, 96, 128};

/// The wide form: a block has `tile` outputs; `split` blocks, a cluster, share the inputs, of which
/// each holds `stages` · 64 at once.
struct LinearWidePlan {
  int tile = 80;
  int split = 1;  ///< 1, 2, 4 or 8
  int stages = 4;
};

struct LinearWideLayout {
  int steps = 0;  ///< of 64 inputs
  int pitch =
      0;  ///< of a row of sums, in floats: 8 modulo 32, so that stores of pairs do not collide
  int tail = 0;  ///< byte offset of scales and barriers, behind stages and sums
  int shared = 0;
  int blocks = 0;
};

LinearWideLayout lay_out_linear_wide(std::int64_t inputs, std::int64_t outputs,
                                     const LinearWidePlan& plan);
/// `whole_parts`: a tile is a multiple of kLinearPart.
LinearWidePlan plan_linear_wide(std::int64_t inputs, std::int64_t outputs, bool whole_parts,
                                int multiprocessors);

}  // namespace ssmprof::kernels::cuda
