#include <algorithm>
#include <string>

#include "reports/error.hpp"
#include "workloads/pruning/score.hpp"

namespace ssmprof::workloads {

namespace {

/// PerfMamba's activity (arXiv 2511.22849, figure 3): the mean step Δ of a head is copied to the
/// states of the head's cluster. Within a group with N states and its own H heads:
///   score[s] = mean Δ[head min(s / (N/H), H - 1)]       integer division; N/H = 0: head min(s,
///   H-1)
/// Δ has no state axis (all states of a head share it), so this score has little causal meaning
/// and many ties; it is here as the paper states it.
class DeltaScore final : public Score {
 public:
  std::string_view name() const override { return "delta"; }
  std::string_view summary() const override {
    return "mean step of the state's head cluster, as in PerfMamba (arXiv 2511.22849); Mamba-2 "
           "only";
  }
  bool needs_calibration() const override { return true; }

  StateScores compute(const ScoreInput& input) const override {
    const ModelConfig& config = input.checkpoint.config;
    if (config.family != Family::mamba2) refuse();
    if (input.calibration == nullptr ||
        input.calibration->mean_delta.size() != config.d_state.size()) {
      throw reports::InputError("score delta needs calibration statistics of this model");
    }
    StateScores scores;
    for (std::size_t layer = 0; layer < config.d_state.size(); ++layer) {
      const std::vector<double>& delta = input.calibration->mean_delta[layer];
      if (static_cast<std::int64_t>(delta.size()) != config.n_heads) {
        throw reports::InputError("calibration of layer " + std::to_string(layer) + " has " +
                                  std::to_string(delta.size()) + " heads, the model " +
                                  std::to_string(config.n_heads));
      }
      scores.push_back(layer_scores(delta, config, config.d_state[layer]));
    }
    return scores;
  }

 private:
  static std::vector<double> layer_scores(const std::vector<double>& delta,
                                          const ModelConfig& config, std::int64_t states) {
    const std::int64_t heads = config.n_heads / config.n_groups;
    const std::int64_t cluster = std::max<std::int64_t>(1, states / heads);
    std::vector<double> scores;
    for (std::int64_t group = 0; group < config.n_groups; ++group) {
      for (std::int64_t s = 0; s < states; ++s) {
        const std::int64_t head = group * heads + std::min(s / cluster, heads - 1);
        scores.push_back(delta[static_cast<std::size_t>(head)]);
      }
    }
    return scores;
  }

  /// On Mamba-1 Δ is per channel and the paper defines no copy to the states.
  [[noreturn]] static void refuse() {
    std::string others;
    for (const auto& score : make_scores()) {
      if (score->name() == "delta") continue;
      others += (others.empty() ? "" : ", ") + std::string(score->name());
    }
    throw reports::InputError("score delta is not defined for Mamba-1: use one of " + others);
  }
};

}  // namespace

std::unique_ptr<Score> make_delta_score() {
  return std::make_unique<DeltaScore>();
}

}  // namespace ssmprof::workloads
