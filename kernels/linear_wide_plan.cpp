#include <algorithm>

#include "kernels/cuda/linear_plans_measured.hpp"

namespace ssmprof::kernels::cuda {
namespace {

constexpr int kRows = 64, kStep = 64;
/// Two blocks and one of the next kernel fit a multiprocessor.
constexpr int kShared = 74 << 10;

std::int64_t divided_up(std::int64_t a, std::int64_t b) {
  return (a + b - 1) / b;
}

int stage_bytes(const LinearWidePlan& plan) {
  return (kRows + plan.tile) * kStep * 2;
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
  const auto steps = static_cast<int>(divided_up(inputs, kStep));
  for (const int tile : kLinearWideTiles)
      for (const int split : {1, 2, 4, 8}) {
        if (split > steps || (whole_parts && tile % 16 != 0)) continue;
        LinearWidePlan plan{tile, split, 2};
        plan.stages = std::clamp((kShared - 2048) / stage_bytes(plan), 2, 8);
        // Clusters leave multiprocessors empty where a group of them is no multiple.
        const int usable = split <= 2 ? multiprocessors / split * split
                                      : multiprocessors * 10 / 11 / split * split;
        const auto blocks = divided_up(outputs, tile) * split;
        const auto waves = static_cast<double>(divided_up(blocks, 2 * usable));
        const double stages = static_cast<double>(divided_up(steps, split));
        const double bytes = stages * stage_bytes(plan);
        const double weights = static_cast<double>(outputs) * static_cast<double>(inputs) * 2;
        // Bytes per cycle: memory, L2, one multiprocessor; cycles of a stage and of the sums.
        const double cycles =
            std::max({weights / 2300, static_cast<double>(blocks) * bytes / 3100,
                      2 * waves * bytes / 45, waves * stages * 60}) +
            waves * (600 + tile * 8 + (split > 1 ? 500 : 0));
        if (least == 0 || cycles < least) best = plan, least = cycles;
      }
  return best;
}

}  // namespace ssmprof::kernels::cuda
