#include "workloads/counter_random.hpp"
#include "workloads/pruning/score.hpp"

namespace ssmprof::workloads {

namespace {

/// A uniform number per state: the baseline every score must beat.
class RandomScore final : public Score {
 public:
  std::string_view name() const override { return "random"; }
  std::string_view summary() const override {
    return "uniform random numbers from the seed; the baseline every score must beat";
  }
  StateScores compute(const ScoreInput& input) const override {
    const ModelConfig& config = input.checkpoint.config;
    StateScores scores;
    for (std::int64_t layer = 0; layer < config.n_layer; ++layer) {
      const CounterRandom random(input.seed, "prune layer " + std::to_string(layer));
      const std::int64_t groups = config.family == Family::mamba2 ? config.n_groups : 1;
      const auto states =
          static_cast<std::size_t>(groups * config.d_state[static_cast<std::size_t>(layer)]);
      auto& row = scores.emplace_back(states);
      for (std::size_t i = 0; i < states; ++i) row[i] = random.uniform(i);
    }
    return scores;
  }
};

}  // namespace

std::unique_ptr<Score> make_random_score() {
  return std::make_unique<RandomScore>();
}

}  // namespace ssmprof::workloads
