// The LibTorch-hosted models: both backends against each other, decode against prefill, dtypes.
#include <algorithm>

#include "workloads/plan.hpp"
#include "workloads/torch/continuation.hpp"

#include "tests/catch.hpp"
#include "tests/workloads/torch_models.hpp"

namespace ssmprof::workloads {
using namespace testing;
using kernels::DType;

TEST_CASE("both backends compute the same logits", "[torch]") {
  if (models_cannot_run()) return;
  const auto family = GENERATE(Family::mamba1, Family::mamba2);
  const auto length = GENERATE(1, 2, 16, 53, 300);
  const bool fusion = GENERATE(false, true);
  const bool residual_in_fp32 = GENERATE(true, false);
  ModelConfig config = hosted_config(family);
  config.residual_in_fp32 = residual_in_fp32;
  const auto checkpoint = loud_checkpoint(config);
  const TokenBatch tokens = random_tokens(3, length, config.vocab_size, 5);
  const auto torch = make_model(checkpoint, spec_of(Backend::torch))->prefill_logits(tokens);
  ExecutionSpec spec = spec_of(Backend::native);
  spec.fusion = fusion;
  const auto native = make_model(checkpoint, spec)->prefill_logits(tokens);
  REQUIRE(native.batch == 3);
  REQUIRE(native.length == length);
  REQUIRE(native.vocab == config.vocab_size);
  CHECK(relative_error(native, torch) < 1e-5);
}

TEST_CASE("a pass that continues equals one prefill", "[torch]") {
  if (models_cannot_run()) return;
  const auto family = GENERATE(Family::mamba1, Family::mamba2);
  const auto backend = GENERATE(Backend::torch, Backend::native);
  const bool fusion = GENERATE(false, true);
  ExecutionSpec spec = spec_of(backend);
  spec.fusion = fusion;
  const auto model = make_model(loud_checkpoint(hosted_config(family)), spec);
  const TokenBatch tokens = random_tokens(2, 41, 101, 6);
  const LogitsTable whole = model->prefill_logits(tokens);
  CHECK(relative_error(model->decode_logits(tokens, 1), whole) < 1e-5);
  CHECK(relative_error(model->decode_logits(tokens, 30), whole) < 1e-5);
  // Several tokens at once, fewer than the convolution is wide, one, and across a chunk.
  CHECK(relative_error(continued_logits(*model, tokens, {5, 2, 1, 29, 4}), whole) < 1e-5);
  CHECK(relative_error(continued_logits(*model, tokens, {2, 39}), whole) < 1e-5);
}

TEST_CASE("a prefill with the gated norm in the ssd computes what one without does", "[torch]") {
  if (models_cannot_run()) return;
  const bool residual_in_fp32 = GENERATE(true, false);
  const auto dtype = GENERATE(DType::f32, DType::bf16);
  const auto length = GENERATE(1, 70);
  ModelConfig config = hosted_config(Family::mamba2);
  config.use_bias = false, config.norm_group_size = config.d_inner;
  config.residual_in_fp32 = residual_in_fp32;
  const auto checkpoint = loud_checkpoint(config);
  ExecutionSpec spec = spec_of(Backend::native, dtype);
  const auto apart = make_model(checkpoint, spec);
  spec.fusion = true;
  REQUIRE(prefill_norm_fused(config, spec));
  const auto fused = make_model(checkpoint, spec);
  const TokenBatch tokens = random_tokens(3, length, config.vocab_size, 5);
  const auto exact = make_model(checkpoint, spec_of(Backend::torch))->prefill_logits(tokens);
  const auto near = [&](const LogitsTable& got, const LogitsTable& reference) {
    const double error = relative_error(got, exact);
    CHECK(error < (dtype == DType::f32 ? 1e-5 : 1.25 * relative_error(reference, exact) + 1e-3));
  };
  near(fused->prefill_logits(tokens), apart->prefill_logits(tokens));
  if (length == 1) return;
  // From states, over a step, and with the last position's norm alone.
  const std::vector<std::int64_t> pieces = {30, 2, 1, 37};
  near(continued_logits(*fused, tokens, pieces), continued_logits(*apart, tokens, pieces));
  if (dtype == DType::bf16) return;
  spec.batch = 3, spec.length = length;
  const auto first = fused->prepare(spec, tokens, 0)->run_to_token();
  spec.logits = Logits::all;
  CHECK(fused->prepare(spec, tokens, 0)->run_to_token() == first);
}

TEST_CASE("a forgotten state would be noticed", "[torch]") {
  if (models_cannot_run()) return;
  const auto family = GENERATE(Family::mamba1, Family::mamba2);
  const auto model = make_model(loud_checkpoint(hosted_config(family)), spec_of(Backend::torch));
  const TokenBatch tokens = random_tokens(1, 20, 101, 6);
  LogitsTable whole = model->prefill_logits(tokens);
  const LogitsTable second =
      model->prefill_logits({std::vector<std::int64_t>(tokens[0].begin() + 10, tokens[0].end())});
  whole.values.erase(whole.values.begin(), whole.values.begin() + 10 * 101);
  CHECK(relative_error(second, whole) > 1e-2);
}

TEST_CASE("convolutions of width 1 to 4 keep their state", "[torch]") {
  if (models_cannot_run()) return;
  const auto width = GENERATE(1, 2, 3, 4);
  const auto backend = GENERATE(Backend::torch, Backend::native);
  ModelConfig config = hosted_config(Family::mamba2);
  config.d_conv = width;
  const auto model = make_model(loud_checkpoint(config), spec_of(backend));
  const TokenBatch tokens = random_tokens(2, 9, 101, 8);
  CHECK(relative_error(model->decode_logits(tokens, 2), model->prefill_logits(tokens)) < 1e-5);
}

TEST_CASE("16-bit models stay near fp32", "[torch]") {
  if (models_cannot_run()) return;
  const auto family = GENERATE(Family::mamba1, Family::mamba2);
  const auto backend = GENERATE(Backend::torch, Backend::native);
  const auto dtype = GENERATE(DType::bf16, DType::f16);
  const auto checkpoint = loud_checkpoint(hosted_config(family));
  const TokenBatch tokens = random_tokens(2, 70, 101, 9);
  const auto exact = make_model(checkpoint, spec_of(Backend::torch))->prefill_logits(tokens);
  const auto model = make_model(checkpoint, spec_of(backend, dtype));
  const double bound = dtype == DType::bf16 ? 0.03 : 0.004;
  const auto rounded = model->prefill_logits(tokens);
  CHECK(relative_error(rounded, exact) < bound);
  CHECK(relative_error(rounded, exact) > 1e-5);  // it did run in 16 bits
  CHECK(relative_error(model->decode_logits(tokens, 40), exact) < bound);
}

TEST_CASE("a 16-bit state stays near an fp32 one", "[torch]") {
  if (models_cannot_run()) return;
  const auto family = GENERATE(Family::mamba1, Family::mamba2);
  const auto backend = GENERATE(Backend::torch, Backend::native);
  const auto state = GENERATE(DType::bf16, DType::f16);
  ExecutionSpec spec = spec_of(backend);
  const auto checkpoint = loud_checkpoint(hosted_config(family));
  const TokenBatch tokens = random_tokens(2, 40, 101, 10);
  const auto exact = make_model(checkpoint, spec)->decode_logits(tokens, 10);
  spec.state_dtype = state;
  const double error =
      relative_error(make_model(checkpoint, spec)->decode_logits(tokens, 10), exact);
  CHECK(error < (state == DType::bf16 ? 0.02 : 0.003));
  CHECK(error > 1e-7);
}

TEST_CASE("decode runs feed the greedy token", "[torch]") {
  if (models_cannot_run()) return;
  const auto family = GENERATE(Family::mamba1, Family::mamba2);
  const auto backend = GENERATE(Backend::torch, Backend::native);
  ExecutionSpec spec = spec_of(backend);
  const auto model = make_model(loud_checkpoint(hosted_config(family)), spec);
  TokenBatch tokens = random_tokens(2, 6, 101, 11);
  spec.batch = 2, spec.length = 6, spec.mode = Mode::prefill;
  const auto greedy = [&](const TokenBatch& prompt) {
    const LogitsTable all = model->prefill_logits(prompt);
    std::vector<std::int64_t> ids;
    for (std::int64_t b = 0; b < all.batch; ++b) {
      const auto* row = &all.values[((b + 1) * all.length - 1) * all.vocab];
      ids.push_back(std::max_element(row, row + all.vocab) - row);
    }
    return ids;
  };
  const auto first = model->prepare(spec, tokens, 0)->run_to_token();
  CHECK(first == greedy(tokens));
  spec.logits = Logits::all;
  CHECK(model->prepare(spec, tokens, 0)->run_to_token() == first);

  spec.mode = Mode::decode;
  const auto steps = model->prepare(spec, tokens, 0);
  for (int i = 0; i < 4; ++i) {
    const auto fed = greedy(tokens);
    for (std::size_t b = 0; b < tokens.size(); ++b) tokens[b].push_back(fed[b]);
    if (i == 2) {
      steps->run(nullptr);  // a step like the others, only that nobody looks
      continue;
    }
    CHECK(steps->run_to_token() == greedy(tokens));
  }
}

TEST_CASE("calibration sees the mean step", "[torch]") {
  if (models_cannot_run()) return;
  const auto family = GENERATE(Family::mamba1, Family::mamba2);
  const auto backend = GENERATE(Backend::torch, Backend::native);
  const ModelConfig config = hosted_config(family);
  auto checkpoint = loud_checkpoint(config);
  // Without input every step is softplus(bias), then the limits.
  for (auto& [name, tensor] : checkpoint->tensors) {
    if (name.find("embeddings") == std::string::npos && name.find("in_proj") == std::string::npos) {
      continue;
    }
    tensor = from_floats(std::vector<float>(static_cast<std::size_t>(tensor.elements())),
                         tensor.shape, tensor.dtype);
  }
  const auto stats = make_model(checkpoint, spec_of(backend))
                         ->calibrate(random_tokens(2, 9, config.vocab_size, 3));
  CHECK(stats.tokens == 18);
  REQUIRE(stats.mean_delta.size() == 3);
  const bool first = family == Family::mamba1;
  const auto bias = to_floats(checkpoint->tensors.at(first ? "backbone.layers.1.mixer.dt_proj.bias"
                                                           : "backbone.layers.1.mixer.dt_bias"));
  // Mamba-1's x_proj still sees the convolution's bias through SiLU, so only Mamba-2 is exact.
  REQUIRE(stats.mean_delta[1].size() == bias.size());
  for (std::size_t i = 0; i < bias.size(); ++i) {
    const double step = std::log1p(std::exp(static_cast<double>(bias[i])));
    if (first) {
      CHECK(stats.mean_delta[1][i] > 0);
    } else {
      CHECK(stats.mean_delta[1][i] == Approx(std::clamp(step, 0.001, 0.3)).epsilon(1e-5));
    }
  }
}

}  // namespace ssmprof::workloads
