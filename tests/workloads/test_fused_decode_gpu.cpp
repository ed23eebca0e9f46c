// Decode steps of few launches against the same steps component by component.
#include <cmath>

#include "workloads/plan.hpp"

#include "tests/catch.hpp"
#include "tests/workloads/torch_models.hpp"

namespace ssmprof::workloads {
using namespace testing;
using kernels::DType;

namespace {

ModelConfig fitting_config(Family family, bool residual_in_fp32) {
  ModelConfig config = hosted_config(family);
  config.d_model = 256, config.d_inner = 512, config.n_layer = 3;
  config.residual_in_fp32 = residual_in_fp32;
  if (family == Family::mamba1) {
    config.d_state = {16, 16, 16}, config.dt_rank = 16;
  } else {
    config.d_state = {64, 38, 16};
    config.head_dim = 32, config.n_heads = 16, config.n_groups = 2, config.chunk_size = 64;
    config.norm_group_size = 512;
  }
  return config;
}

ExecutionSpec on_gpu(bool fusion, std::int64_t batch) {
  ExecutionSpec spec = spec_of(Backend::native, DType::bf16);
  spec.device = kernels::Device::cuda;
  spec.fusion = fusion, spec.batch = batch;
  return spec;
}

}  // namespace

TEST_CASE("fused decode steps compute what the components do", "[torch][gpu]") {
  if (no_gpu()) return;
  const auto family = GENERATE(Family::mamba1, Family::mamba2);
  const std::int64_t batch = GENERATE(1, 3, 8, 64);
  const bool residual_in_fp32 = GENERATE(true, false);
  const ModelConfig config = fitting_config(family, residual_in_fp32);
  const auto checkpoint = loud_checkpoint(config);
  ExecutionSpec step = on_gpu(true, batch);
  step.mode = Mode::decode;
  REQUIRE(step_fusion(config, step) == StepFusion::layer);
  const auto exact_model = make_model(checkpoint, spec_of(Backend::torch));
  const auto apart_model = make_model(checkpoint, on_gpu(false, batch));
  const auto model = make_model(checkpoint, on_gpu(true, batch));
  INFO("batch " << batch << " fp32 residual " << residual_in_fp32);
  // End to end in bf16 both err by their rounding, which differs by a tenth and more between
  // prompts: 64 of them are as one.
  double apart = 0, fused = 0;
  for (std::int64_t prompts = 0; prompts < 64; prompts += batch) {
    const auto seed = static_cast<std::uint64_t>(6 + prompts);
    const TokenBatch tokens = random_tokens(batch, 24, config.vocab_size, seed);
    const auto exact = exact_model->prefill_logits(tokens);
    const auto logits = model->decode_logits(tokens, 12);
    apart += std::pow(relative_error(apart_model->decode_logits(tokens, 12), exact), 2);
    fused += std::pow(relative_error(logits, exact), 2);
    if (prompts == 0) CHECK(model->decode_logits(tokens, 12).values == logits.values);
  }
  CHECK(std::sqrt(fused) < 1.1 * std::sqrt(apart));
}

TEST_CASE("a fused decode step opens its ranges, and gives in a graph what it gives without",
          "[torch][gpu]") {
  if (no_gpu()) return;
  const auto family = GENERATE(Family::mamba1, Family::mamba2);
  const std::int64_t batch = GENERATE(2, 8);
  const auto checkpoint = loud_checkpoint(fitting_config(family, true));
  ExecutionSpec spec = on_gpu(true, batch);
  spec.mode = Mode::decode, spec.length = 9;
  const auto model = make_model(checkpoint, spec);
  const auto execution = model->prepare(spec, {}, 1);
  EnteredRanges entered;
  execution->run(&entered);
  CHECK(entered.all_in_order(*execution));

  // Capturing takes a step itself. Replays overlap their launches, the steps above do not.
  const auto other = model->prepare(spec, {}, 1);
  other->capture_graph();
  for (int i = 0; i < 5; ++i) other->replay_graph();
  for (int i = 0; i < 5; ++i) execution->run(&entered);
  CHECK(other->run_to_token() == execution->run_to_token());
}

}  // namespace ssmprof::workloads
