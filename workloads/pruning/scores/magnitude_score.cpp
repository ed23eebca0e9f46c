#include <cmath>
#include <string>

#include "workloads/pruning/score.hpp"

namespace ssmprof::workloads {

namespace {

/// Euclidean norm of one entry of the first dimension.
double row_norm(const HostTensor& tensor, std::int64_t row) {
  const std::int64_t width = tensor.elements() / tensor.shape[0];
  double sum = 0;
  for (std::int64_t i = 0; i < width; ++i) {
    const double value = load_element(tensor.data, row * width + i, tensor.dtype);
    sum += value * value;
  }
  return std::sqrt(sum);
}

/// A state acts through the product of its B and its C, so its two rows are judged together:
///   Mamba-1  score[n] = sqrt(‖x_proj[B n]‖ · ‖x_proj[C n]‖)
///   Mamba-2  score[n] = sqrt(‖in_proj[B n]‖ · ‖conv1d[B n]‖ · ‖in_proj[C n]‖ · ‖conv1d[C n]‖)
/// (Euclidean norms of weight rows; biases, SiLU, A and Δ do not enter).
class MagnitudeScore final : public Score {
 public:
  std::string_view name() const override { return "magnitude"; }
  std::string_view summary() const override {
    return "geometric mean of the norms of a state's B and C rows (paired), from the weights alone";
  }

  StateScores compute(const ScoreInput& input) const override {
    StateScores scores;
    for (std::int64_t layer = 0; layer < input.checkpoint.config.n_layer; ++layer) {
      scores.push_back(layer_scores(input.checkpoint, layer));
    }
    return scores;
  }

 private:
  static std::vector<double> layer_scores(const Checkpoint& checkpoint, std::int64_t layer) {
    const ModelConfig& config = checkpoint.config;
    const std::string mixer = "backbone.layers." + std::to_string(layer) + ".mixer.";
    const bool first = config.family == Family::mamba1;
    const std::int64_t states =
        (first ? 1 : config.n_groups) * config.d_state[static_cast<std::size_t>(layer)];
    const HostTensor& projection =
        checkpoint.tensors.at(mixer + (first ? "x_proj.weight" : "in_proj.weight"));
    const std::int64_t b = first ? config.dt_rank : 2 * config.d_inner;
    std::vector<double> scores;
    for (std::int64_t i = 0; i < states; ++i) {
      double product = row_norm(projection, b + i) * row_norm(projection, b + states + i);
      if (!first) {
        const HostTensor& conv = checkpoint.tensors.at(mixer + "conv1d.weight");
        product *= row_norm(conv, config.d_inner + i) * row_norm(conv, config.d_inner + states + i);
      }
      scores.push_back(std::sqrt(product));
    }
    return scores;
  }
};

}  // namespace

std::unique_ptr<Score> make_magnitude_score() {
  return std::make_unique<MagnitudeScore>();
}

}  // namespace ssmprof::workloads
