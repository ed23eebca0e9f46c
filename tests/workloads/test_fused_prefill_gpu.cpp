// Prefills whose gated norm is part of the ssd against the same prefills component by component.
#include <algorithm>

#include "workloads/component_errors.hpp"
#include "workloads/plan.hpp"
#include "workloads/torch/continuation.hpp"

#include "tests/catch.hpp"
#include "tests/workloads/torch_models.hpp"

namespace ssmprof::workloads {
using namespace testing;
using kernels::DType;

namespace {

ModelConfig fitting_config(bool residual_in_fp32) {
  ModelConfig config = hosted_config(Family::mamba2);
  config.d_model = 256, config.d_inner = 512, config.n_layer = 3;
  config.residual_in_fp32 = residual_in_fp32, config.use_bias = false;
  config.d_state = {64, 38, 16};
  config.head_dim = 32, config.n_heads = 16, config.n_groups = 2, config.chunk_size = 64;
  config.norm_group_size = 512;
  return config;
}

ExecutionSpec on_gpu(bool fusion, DType dtype) {
  ExecutionSpec spec = spec_of(Backend::native, dtype);
  spec.device = kernels::Device::cuda;
  spec.fusion = fusion;
  return spec;
}

}  // namespace

TEST_CASE("fused prefills compute what the components do", "[torch][gpu]") {
  if (no_gpu()) return;
  const auto dtype = GENERATE(DType::f32, DType::bf16);
  const bool residual_in_fp32 = GENERATE(true, false);
  const std::int64_t batch = GENERATE(1, 3);
  const ModelConfig config = fitting_config(residual_in_fp32);
  const auto checkpoint = loud_checkpoint(config);
  REQUIRE(prefill_norm_fused(config, on_gpu(true, dtype)));
  const TokenBatch tokens = random_tokens(batch, 300, config.vocab_size, 6);
  const auto exact = make_model(checkpoint, spec_of(Backend::torch))->prefill_logits(tokens);
  const auto apart = make_model(checkpoint, on_gpu(false, dtype));
  const auto fused = make_model(checkpoint, on_gpu(true, dtype));
  const auto near = [&](const LogitsTable& got, const LogitsTable& reference) {
    CHECK(relative_error(got, exact) <
          1.25 * relative_error(reference, exact) + (dtype == DType::f32 ? 1e-5 : 1e-3));
  };
  INFO("batch " << batch << " fp32 residual " << residual_in_fp32);
  const auto whole = fused->prefill_logits(tokens);
  near(whole, apart->prefill_logits(tokens));
  CHECK(fused->prefill_logits(tokens).values == whole.values);
  const std::vector<std::int64_t> pieces = {70, 2, 1, 200, 27};
  near(continued_logits(*fused, tokens, pieces), continued_logits(*apart, tokens, pieces));
}

TEST_CASE("a fused prefill opens its ranges, and gives in a graph what it gives without",
          "[torch][gpu]") {
  if (no_gpu()) return;
  const auto logits = GENERATE(Logits::last, Logits::all);
  const auto checkpoint = loud_checkpoint(fitting_config(true));
  ExecutionSpec spec = on_gpu(true, DType::bf16);
  spec.batch = 3, spec.length = 130, spec.logits = logits;
  const auto model = make_model(checkpoint, spec);
  const auto execution = model->prepare(spec, {}, 1);
  EnteredRanges entered;
  execution->run(&entered);
  CHECK(entered.all_in_order(*execution));
  const auto other = model->prepare(spec, {}, 1);
  other->capture_graph();
  other->replay_graph();
  CHECK(other->run_to_token() == execution->run_to_token());
}

TEST_CASE("a fused prefill on the GPU is within the limits of fp64", "[torch][gpu]") {
  if (no_gpu()) return;
  const auto dtype = GENERATE(DType::f32, DType::bf16);
  const ModelConfig config = fitting_config(true);
  const TokenBatch tokens = random_tokens(3, 200, config.vocab_size, 21);
  const auto checkpoint = loud_checkpoint(config);
  const auto errors = component_errors(checkpoint, on_gpu(true, dtype), tokens);
  const auto apart = component_errors(checkpoint, on_gpu(false, dtype), tokens);
  const auto of_ssd = [](const ComponentError& e) {
    return e.component == Component::ssd && e.what == "output";
  };
  // D·x is small beside y here: in 16 bits the operands of the matrix units show in the ssd's
  // output (docs/kernels_mamba2.md), with the gate as without.
  const auto twin = [&](const ComponentError& e) {
    return std::find_if(apart.begin(), apart.end(),
                        [&](const ComponentError& a) { return of_ssd(a) && a.stage == e.stage; });
  };
  bool squares = false;
  for (const auto& e : errors) {
    INFO(name_of(e.component) << ' ' << e.what << ' ' << e.stage << ' ' << e.error);
    if (of_ssd(e) && dtype == DType::bf16 && e.stage != "decode") {
      REQUIRE(twin(e) != apart.end());
      INFO("apart " << twin(e)->error);
      CHECK(e.error <= 1.1 * twin(e)->error);
      CHECK(e.error <= 2.5e-3);  // √3 roundings
    } else {
      CHECK(e.good());
    }
    squares = squares || (e.component == Component::ssd && e.what == "squares");
  }
  CHECK(squares);
}

}  // namespace ssmprof::workloads
