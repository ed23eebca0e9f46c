#include "kernels/cuda/linear_plan.hpp"

#include <algorithm>
#include <cmath>

namespace ssmprof::kernels::cuda {
namespace {

std::int64_t divided_up(std::int64_t a, std::int64_t b) {
  return (a + b - 1) / b;
}

/// Rates of Hopper in bytes per cycle: memory and L2 of the whole device, L2 and shared memory of
/// one multiprocessor; and cycles of a latency, of both barriers of a cluster, of a block's start.
constexpr double kMemory = 2400, kCache = 3100, kFetch = 24, kExchange = 32;
constexpr double kLatency = 1000, kClusterBarriers = 400, kBlock = 100;
constexpr double kShared = 128;  ///< bytes per cycle

/// Cycles that a plan is expected to take.
double expected(std::int64_t rows, std::int64_t inputs, std::int64_t outputs,
                const LinearDevice& device, const LinearPlan& plan, const LinearLayout& layout) {
  const auto wide = static_cast<double>(plan.across * plan.tiles * 16);
  const auto steps = static_cast<double>(divided_up(layout.steps, plan.split));  // of a block
  const double x_bytes = static_cast<double>(rows) * steps * kLinearStep * 2;
  const double bytes = wide * steps * kLinearStep * 2 + x_bytes;  // of a block
  const double weights = static_cast<double>(outputs) * static_cast<double>(inputs) * 2;
  const int usable = device.multiprocessors / plan.split * plan.split;
  const auto share = static_cast<double>(divided_up(layout.blocks, usable));  // of the busiest
  const double resident =
      std::clamp(device.shared / (layout.shared + 1024), 1, std::max(1, 1024 / layout.threads));
  const double ahead =
      std::min(static_cast<double>(linear_depth(plan.tiles) - 1), std::ceil(steps / plan.along));
  const double flying =
      ahead * linear_step_bytes(plan.tiles) * layout.threads / 32 * std::min(share, resident);
  const double row_tiles = linear_row_tiles(rows), warp_steps = share * plan.across * steps;
  const double products = warp_steps * plan.tiles * 2 * row_tiles * 8 / 4;  // 8 cycles, 4 units
  const double operands =
      warp_steps * (2 * linear_step_bytes(plan.tiles) + row_tiles * 512) / kShared;
  const double streaming =
      std::max({weights / kMemory, layout.blocks * bytes / kCache, share * bytes / kFetch,
                share * bytes / flying * kLatency, products, operands});
  const double ends = kLatency + x_bytes / kFetch +
                      plan.along * static_cast<double>(rows) * wide * 4 / kExchange +
                      (plan.split > 1 ? kClusterBarriers : 0);
  // Blocks that follow each other on a multiprocessor: their ends hide behind other blocks there.
  const double waves = std::max(1.0, std::ceil(share / resident));
  return streaming + share * kBlock + ends * (1 + (waves - 1) / resident);
}

}  // namespace

LinearLayout lay_out_linear(std::int64_t rows, std::int64_t inputs, std::int64_t outputs,
                            const LinearPlan& plan, int room) {
  constexpr int kBarrier = 16, kGap = 16;
  const int warps = plan.across * plan.along, wide = plan.across * plan.tiles * 16;
  const int row_tiles = linear_row_tiles(rows), given = static_cast<int>(rows);
  const int held_rows = row_tiles == 1 ? given : row_tiles * 8;
  LinearLayout layout;
  layout.steps = static_cast<int>(divided_up(inputs, kLinearStep));
  const auto most = static_cast<int>(divided_up(layout.steps, plan.split));  // of a block
  layout.queue = std::min(linear_depth(plan.tiles), static_cast<int>(divided_up(most, plan.along)));
  layout.x_at = warps * layout.queue * linear_step_bytes(plan.tiles) + kBarrier;
  const int pairs = (std::max(room - layout.x_at, 0) / held_rows - kGap) / 128;  // of steps
  layout.chunk = std::clamp(pairs * 2, 0, most);
  layout.pitch = (layout.chunk + 1) / 2 * 128 + kGap;
  const int sums = plan.along * given * (wide + 4) * static_cast<int>(sizeof(float));
  layout.shared = std::max(layout.x_at + held_rows * layout.pitch, sums);
  if (layout.shared > room) layout.chunk = 0;
  layout.blocks = static_cast<int>(divided_up(outputs, wide)) * plan.split;
  layout.threads = warps * 32;
  return layout;
}

LinearPlan plan_linear(std::int64_t rows, std::int64_t inputs, std::int64_t outputs,
                       const LinearDevice& device) {
  LinearPlan best;
  double least = 0;
  for (const int tiles : {1, 2})
    for (const int split : {1, 2, 4, 8})
      for (const int along : {1, 2, 4, 8, 16})
        for (int across = 1; across * along <= linear_most_warps(linear_row_tiles(rows), tiles);
             ++across) {
          const LinearPlan plan{tiles, across, along, split};
          const LinearLayout layout = lay_out_linear(rows, inputs, outputs, plan, device.shared);
          if ((split > 1 && !device.clusters) || split * along > layout.steps) continue;
          if (layout.chunk == 0) continue;
          const double cycles = expected(rows, inputs, outputs, device, plan, layout);
          if (least == 0 || cycles < least) best = plan, least = cycles;
        }
  return best;
}

}  // namespace ssmprof::kernels::cuda
