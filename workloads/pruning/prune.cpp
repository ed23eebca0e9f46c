#include "workloads/pruning/prune.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>

#include "reports/error.hpp"

namespace ssmprof::workloads {

using reports::InputError;

namespace {

std::int64_t groups_of(const ModelConfig& config) {
  return config.family == Family::mamba2 ? config.n_groups : 1;
}

/// The indices of the `count` highest scores, ascending; of equal ones the lower index.
std::vector<std::int64_t> highest(const double* scores, std::int64_t size, std::int64_t count,
                                  std::int64_t& ties) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(size));
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](std::int64_t a, std::int64_t b) { return scores[a] > scores[b]; });
  const double lowest_kept = scores[order[static_cast<std::size_t>(count - 1)]];
  for (std::size_t i = static_cast<std::size_t>(count); i < order.size(); ++i) {
    if (scores[order[i]] == lowest_kept) ++ties;
  }
  order.resize(static_cast<std::size_t>(count));
  std::sort(order.begin(), order.end());
  return order;
}

void check_scores(const StateScores& scores, const ModelConfig& config) {
  if (scores.size() != config.d_state.size()) {
    throw InputError("scores for " + std::to_string(scores.size()) +
                     " layers do not fit a model of " + std::to_string(config.d_state.size()));
  }
  for (std::size_t layer = 0; layer < scores.size(); ++layer) {
    const auto wanted = static_cast<std::size_t>(groups_of(config) * config.d_state[layer]);
    if (scores[layer].size() != wanted) {
      throw InputError("layer " + std::to_string(layer) + " has " +
                       std::to_string(scores[layer].size()) + " scores for " +
                       std::to_string(wanted) + " states");
    }
    for (std::size_t i = 0; i < wanted; ++i) {
      if (std::isnan(scores[layer][i])) {
        throw InputError("the score of state " + std::to_string(i) + " in layer " +
                         std::to_string(layer) + " is not a number: check the model's weights");
      }
    }
  }
}

}  // namespace

PrunePlan choose_states(const StateScores& scores, const ModelConfig& config, double ratio,
                        int align) {
  if (!(ratio >= 0 && ratio < 1)) {
    throw InputError("ratio must be at least 0 and less than 1, found " + std::to_string(ratio));
  }
  if (align < 1 || align > 256) {
    throw InputError("align must be from 1 to 256, found " + std::to_string(align));
  }
  check_scores(scores, config);
  PrunePlan plan;
  plan.ratio = ratio;
  plan.align = align;
  for (std::size_t i = 0; i < scores.size(); ++i) {
    LayerPrunePlan layer;
    layer.dense = config.d_state[i];
    const double kept = std::floor(static_cast<double>(layer.dense) * (1 - ratio) + 1e-9);
    layer.requested = std::max<std::int64_t>(1, static_cast<std::int64_t>(kept));
    layer.effective = std::min(layer.dense, (layer.requested + align - 1) / align * align);
    for (std::int64_t group = 0; group < groups_of(config); ++group) {
      layer.keep.push_back(highest(scores[i].data() + group * layer.dense, layer.dense,
                                   layer.effective, layer.ties));
    }
    plan.layers.push_back(std::move(layer));
  }
  return plan;
}

}  // namespace ssmprof::workloads
