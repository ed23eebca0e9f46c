#include "kernels/cuda/linear_plan.hpp"

#include <algorithm>
#include <cmath>

#include "kernels/cuda/linear_plans_measured.hpp"

namespace ssmprof::kernels::cuda {
namespace {

std::int64_t divided_up(std::int64_t a, std::int64_t b) {
  return (a + b - 1) / b;
}

/// Rates of a Hopper device, fitted to all plans measured at the models' sizes
/// (docs/results/kernels/linear-v3-plans.jsonl). Bytes per cycle: memory and L2 of the whole
/// device, L2, shared memory and the exchange of sums of one multiprocessor.
constexpr double kMemory = 1646, kCache = 2612, kFetch = 23.6, kShared = 91.6, kExchange = 16.5;
/// Cycles: a launch, a latency, a cluster's barriers, a block's start, a warp's step and each of
/// its products with eight rows.
constexpr double kLaunch = 2998, kLatency = 460, kClusterBarriers = 149, kBlock = 327, kStep = 233,
                 kProduct = 8.1;
/// x arrives later than its bytes say.
constexpr double kLate = 1.34;

/// Multiprocessors that blocks in clusters of this size fill: those of a group on the die that is
/// no multiple of the cluster stay empty.
int usable(const LinearDevice& device, int split) {
  if (split <= 2) return device.multiprocessors / split * split;
  return device.multiprocessors * 10 / 11 / split * split;
}

/// Cycles that a plan is expected to take.
double expected(std::int64_t rows, std::int64_t inputs, std::int64_t outputs,
                const LinearDevice& device, const LinearPlan& plan, const LinearLayout& layout) {
  const auto wide = static_cast<double>(plan.across * plan.tiles * 16);
  const auto steps = static_cast<double>(divided_up(layout.steps, plan.split));  // of a block
  const double x_bytes = static_cast<double>(rows) * steps * kLinearStep * 2;
  const double bytes = wide * steps * kLinearStep * 2 + x_bytes;  // of a block
  const double weights = static_cast<double>(outputs) * static_cast<double>(inputs) * 2;
  const int row_tiles = linear_row_tiles(rows), usable_here = usable(device, plan.split);
  const int registers = row_tiles * plan.tiles == 16 ? 168 : 128;  // of a thread
  const int resident =
      std::max(1, std::min({(device.shared + 1024) / (layout.shared + 1024), 2048 / layout.threads,
                            65536 / (layout.threads * registers)}));
  const auto share = static_cast<double>(divided_up(layout.blocks, usable_here));  // of the busiest
  const double together = std::min(share, static_cast<double>(resident));
  const double turns = std::ceil(steps / plan.along);
  const double ahead = std::min(static_cast<double>(linear_depth(plan.tiles) - 1), turns);
  const double flying = ahead * linear_step_bytes(plan.tiles) * layout.threads / 32 * together;
  const double operands =
      share * plan.across * steps * (2 * linear_step_bytes(plan.tiles) + row_tiles * 512) / kShared;
  const double chain = share / together * turns * (kStep + kProduct * row_tiles * plan.tiles);
  const double streaming =
      std::max({weights / kMemory, layout.blocks * bytes / kCache, share * bytes / kFetch,
                share * bytes / flying * kLatency, operands, chain});
  const double ends = kLatency + x_bytes / kFetch * kLate +
                      plan.along * static_cast<double>(rows) * wide * 4 / kExchange +
                      (plan.split > 1 ? kClusterBarriers : 0);
  const auto waves = static_cast<double>(divided_up(layout.blocks, usable_here * resident));
  return kLaunch + streaming + share * kBlock + ends * waves;
}

}  // namespace

LinearLayout lay_out_linear(std::int64_t rows, std::int64_t inputs, std::int64_t outputs,
                            const LinearPlan& plan, int room) {
  constexpr int kGap = 16, kEnd = kLinearScales + 16;  // scales, barrier
  room -= kEnd;
  const int warps = plan.across * plan.along, wide = plan.across * plan.tiles * 16;
  const int row_tiles = linear_row_tiles(rows), given = static_cast<int>(rows);
  const int held_rows = row_tiles == 1 ? given : row_tiles * 8;
  LinearLayout layout;
  layout.steps = static_cast<int>(divided_up(inputs, kLinearStep));
  const auto most = static_cast<int>(divided_up(layout.steps, plan.split));  // of a block
  layout.queue = std::min(linear_depth(plan.tiles), static_cast<int>(divided_up(most, plan.along)));
  layout.x_at = warps * layout.queue * linear_step_bytes(plan.tiles);
  const int pairs = (std::max(room - layout.x_at, 0) / held_rows - kGap) / 128;  // of steps
  layout.chunk = std::clamp(pairs * 2, 0, most);
  layout.pitch = (layout.chunk + 1) / 2 * 128 + kGap;
  const int sums = plan.along * given * (wide + 4) * static_cast<int>(sizeof(float));
  layout.scales_at = (std::max(layout.x_at + held_rows * layout.pitch, sums) + 15) / 16 * 16;
  if (layout.scales_at > room) layout.chunk = 0;
  layout.shared = layout.scales_at + kEnd;
  layout.blocks = static_cast<int>(divided_up(outputs, wide)) * plan.split;
  layout.threads = warps * 32;
  return layout;
}

LinearPlan plan_linear(std::int64_t rows, std::int64_t inputs, std::int64_t outputs,
                       const LinearDevice& device) {
  const auto fits = [&](const LinearPlan& plan) {
    const LinearLayout layout = lay_out_linear(rows, inputs, outputs, plan, device.shared);
    return (plan.split == 1 || device.clusters) && layout.chunk > 0;
  };
  for (const auto& known : kMeasuredLinearPlans)
    if (known.rows == rows && known.outputs == outputs && known.inputs == inputs &&
        fits(known.plan))
      return known.plan;
  LinearPlan best;
  double least = 0;
  for (const int tiles : {1, 2})
    for (const int split : {1, 2, 4, 8})
      for (const int along : {1, 2, 4, 8, 16})
        for (int across = 1; across * along <= linear_most_warps(linear_row_tiles(rows), tiles);
             ++across) {
          const LinearPlan plan{tiles, across, along, split};
          const LinearLayout layout = lay_out_linear(rows, inputs, outputs, plan, device.shared);
          if (split * along > layout.steps || !fits(plan)) continue;
          const double cycles = expected(rows, inputs, outputs, device, plan, layout);
          if (least == 0 || cycles < least) best = plan, least = cycles;
        }
  return best;
}

}  // namespace ssmprof::kernels::cuda
