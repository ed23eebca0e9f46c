#include <algorithm>

#include "kernels/cuda/linear_plans_measured.hpp"

namespace ssmprof::kernels::cuda {
namespace {

constexpr int kRows = 64, kStep = 64;
constexpr int kMultiprocessor = 228 << 10;  ///< bytes of shared memory
/// Of stages; one, two or three blocks fit a multiprocessor.
constexpr int kRooms[] = {56 << 10, 74 << 10, 110 << 10};

/// Rates of a Hopper device, fitted to all plans measured at the models' sizes
/// (docs/results/kernels/linear-v4-wide-plans.jsonl): bytes per cycle of memory, the L2 and one
/// multiprocessor; cycles of a latency, a stage's products, a block's end, each of its outputs and
/// a cluster's barriers; stages that are not in flight.
constexpr double kMemory = 2210, kCache = 5580, kFetch = 47.1, kLatency = 2410, kProducts = 52.3,
                 kEnd = 2450, kOutput = 20.5, kClusterBarriers = 535, kLag = 1.17;

std::int64_t divided_up(std::int64_t a, std::int64_t b) {
  return (a + b - 1) / b;
}

int stage_bytes(const LinearWidePlan& plan) {
  return (kRows + plan.tile) * kStep * 2;
}

/// Cycles that a plan is expected to take.
double expected(std::int64_t inputs, std::int64_t outputs, const LinearWidePlan& plan,
                int multiprocessors) {
  const LinearWideLayout layout = lay_out_linear_wide(inputs, outputs, plan);
  // Clusters leave multiprocessors empty where a group of them is no multiple.
  const int usable = plan.split <= 2 ? multiprocessors / plan.split * plan.split
                                     : multiprocessors * 10 / 11 / plan.split * plan.split;
  const auto resident = std::clamp<std::int64_t>(kMultiprocessor / layout.shared, 1, 3);
  const auto waves = static_cast<double>(divided_up(layout.blocks, usable * resident));
  const auto share = static_cast<double>(divided_up(layout.blocks, usable));
  const auto steps = divided_up(layout.steps, plan.split);
  const double bytes = static_cast<double>(steps * stage_bytes(plan));  // of a block
  const double flying = std::min(static_cast<double>(resident), share) *
                        (static_cast<double>(std::min<std::int64_t>(plan.stages, steps)) - kLag) *
                        stage_bytes(plan);
  const double weights = static_cast<double>(outputs) * static_cast<double>(inputs) * 2;
  const double streaming =
      std::max({weights / kMemory, layout.blocks * bytes / kCache, share * bytes / kFetch,
                share * bytes / std::max(flying, 1.0) * kLatency,
                waves * static_cast<double>(steps) * kProducts});
  return streaming + waves * (kEnd + plan.tile * kOutput + (plan.split > 1 ? kClusterBarriers : 0));
}

}  // namespace

LinearWideLayout lay_out_linear_wide(std::int64_t inputs, std::int64_t outputs,
                                     const LinearWidePlan& plan) {
  LinearWideLayout layout;
  const int wide = plan.tile;
  layout.steps = static_cast<int>(divided_up(inputs, kStep));
  layout.pitch = (wide + 23) / 32 * 32 + 8;
  const int sums = kRows * layout.pitch * static_cast<int>(sizeof(float));
  layout.tail = std::max(plan.stages * stage_bytes(plan), sums);
  layout.shared = 1024 + layout.tail + kLinearScales + plan.stages * 16;
  layout.blocks = static_cast<int>(divided_up(outputs, wide)) * plan.split;
  return layout;
}

LinearWidePlan plan_linear_wide(std::int64_t inputs, std::int64_t outputs, bool whole_parts,
                                int multiprocessors) {
  for (const auto& known : kMeasuredLinearWidePlans)
    if (known.outputs == outputs && known.inputs == inputs &&
        !(whole_parts && known.plan.tile % 16 != 0))
      return known.plan;
  LinearWidePlan best;
  double least = 0;
  const auto steps = divided_up(inputs, kStep);
  for (const int tile : kLinearWideTiles)
    for (const int split : {1, 2, 4, 8})
      for (const int room : kRooms) {
        if (split > steps || (whole_parts && tile % 16 != 0)) continue;
        LinearWidePlan plan{tile, split, 2};
        plan.stages = std::clamp(room / stage_bytes(plan), 2, 12);
        const double cycles = expected(inputs, outputs, plan, multiprocessors);
        if (least == 0 || cycles < least) best = plan, least = cycles;
      }
  return best;
}

}  // namespace ssmprof::kernels::cuda
