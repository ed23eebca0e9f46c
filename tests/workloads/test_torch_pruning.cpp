// Masked states and removed states are the same model.
#include "workloads/pruning/prune.hpp"

#include "tests/catch.hpp"
#include "tests/workloads/torch_models.hpp"

namespace ssmprof::workloads {
using namespace testing;

TEST_CASE("masked and physical pruning agree for every score", "[torch]") {
  if (models_cannot_run()) return;
  const auto family = GENERATE(Family::mamba1, Family::mamba2);
  const auto ratio = GENERATE(0.3, 0.9);
  const bool conv_bias = GENERATE(true, false);
  ModelConfig config = hosted_config(family);
  config.use_conv_bias = conv_bias;
  const auto dense = loud_checkpoint(config);
  const TokenBatch tokens = random_tokens(2, 37, config.vocab_size, 12);
  const auto calibration = make_model(dense, spec_of(Backend::native))->calibrate(tokens);
  const auto before = make_model(dense, spec_of(Backend::torch))->prefill_logits(tokens);

  int judged = 0;
  for (const auto& score : make_scores()) {
    ScoreInput input{*dense, nullptr, 4};
    if (score->needs_calibration()) {
      if (family == Family::mamba1) continue;  // the paper's Δ score is defined for Mamba-2 only
      input.calibration = &calibration;
    }
    const PrunePlan plan = choose_states(score->compute(input), config, ratio);
    const auto masked = std::make_shared<Checkpoint>(mask_states(*dense, plan));
    const auto physical = std::make_shared<Checkpoint>(remove_states(*dense, plan));
    for (const Backend backend : {Backend::torch, Backend::native}) {
      INFO(score->name() << ", " << name_of(backend));
      const auto with_mask = make_model(masked, spec_of(backend));
      const auto without = make_model(physical, spec_of(backend));
      const LogitsTable a = with_mask->prefill_logits(tokens);
      const LogitsTable b = without->prefill_logits(tokens);
      CHECK(relative_error(b, a) < 1e-5);
      CHECK(relative_error(without->decode_logits(tokens, 20), a) < 1e-5);
      CHECK(relative_error(with_mask->decode_logits(tokens, 20), a) < 1e-5);
      CHECK(relative_error(a, before) > 1e-4);  // pruning does something
    }
    ++judged;
  }
  CHECK(judged >= 2);
}

}  // namespace ssmprof::workloads
