// The same as test_component_errors.cpp says of the CPU, of the kernels on the GPU: small awkward
// models, and layers as wide as those of the presets.
#include <algorithm>
#include <sstream>

#include "workloads/component_errors.hpp"
#include "workloads/torch/planted_error.hpp"

#include "tests/catch.hpp"
#include "tests/workloads/torch_models.hpp"

namespace ssmprof::workloads {
using namespace testing;
using kernels::DType;

namespace {

std::string described(const ComponentError& e) {
  std::ostringstream text;
  text << name_of(e.component) << ' ' << e.what << ' ' << e.stage << ", layer " << e.layer
       << ": error " << e.error << ", rounding " << e.rounding;
  return text.str();
}

ExecutionSpec on_gpu(Backend backend, DType dtype) {
  ExecutionSpec spec = spec_of(backend, dtype);
  spec.device = kernels::Device::cuda;
  return spec;
}

/// Two layers of the width of the 130m presets.
ModelConfig wide_config(Family family) {
  ModelConfig config = hosted_config(family);
  config.d_model = 768, config.d_inner = 1536, config.n_layer = 2;
  config.use_bias = false;
  if (family == Family::mamba1) {
    config.d_state = {16, 16}, config.dt_rank = 48;
  } else {
    config.d_state = {128, 128};
    config.head_dim = 64, config.n_heads = 24, config.n_groups = 1, config.chunk_size = 256;
    config.norm_group_size = 1536;
  }
  return config;
}

}  // namespace

TEST_CASE("native kernels on the GPU are within their limits of fp64", "[torch][gpu]") {
  if (no_gpu()) return;
  const auto family = GENERATE(Family::mamba1, Family::mamba2);
  const auto dtype = GENERATE(DType::f32, DType::bf16, DType::f16);
  const bool fusion = GENERATE(false, true);
  const bool wide = GENERATE(false, true);
  const ModelConfig config = wide ? wide_config(family) : hosted_config(family);
  ExecutionSpec spec = on_gpu(Backend::native, dtype);
  spec.fusion = fusion;
  const auto checkpoint =
      wide ? std::make_shared<Checkpoint>(seeded_checkpoint(config, 3, DType::f32))
           : loud_checkpoint(config);
  const auto errors = component_errors(
      checkpoint, spec, random_tokens(wide ? 3 : 16, wide ? 300 : 90, config.vocab_size, 31));
  for (const auto& e : errors) {
    INFO((wide ? "wide, " : "small, ")
         << kernels::name_of(dtype) << ", fusion " << fusion << ", " << described(e));
    REQUIRE(e.limit);
    CHECK(e.good());
  }
  CHECK(errors.size() > 20);
  // States of 16-bit models are fp32, and as good as that where no matrix unit forms them. That of
  // the convolution is a copy, whose limit is 0.
  const auto kept = [&](const ComponentError& e) {
    return e.what == "state" && *e.limit > 0 &&
           (e.component == Component::scan || e.stage == "decode");
  };
  CHECK(std::count_if(errors.begin(), errors.end(), kept) == (family == Family::mamba1 ? 3 : 1));
  for (const auto& e : errors) {
    if (kept(e)) CHECK(*e.limit == rounding_limit(DType::f32));
  }
}

TEST_CASE("the torch backend on the GPU is near fp64", "[torch][gpu]") {
  if (no_gpu()) return;
  const auto family = GENERATE(Family::mamba1, Family::mamba2);
  const auto dtype = GENERATE(DType::f32, DType::bf16, DType::f16);
  const auto errors =
      component_errors(loud_checkpoint(hosted_config(family)), on_gpu(Backend::torch, dtype),
                       random_tokens(3, 90, 101, 32));
  for (const auto& e : errors) {
    INFO(kernels::name_of(dtype) << ", " << described(e));
    CHECK(e.good());
    CHECK(e.error <= 2 * rounding_limit(dtype));
  }
}

TEST_CASE("mistakes on the GPU are flagged", "[torch][gpu]") {
  if (no_gpu()) return;
  const auto family = GENERATE(Family::mamba1, Family::mamba2);
  const auto planted = GENERATE(PlantedError::skip, PlantedError::state, PlantedError::forgotten,
                                PlantedError::gemm, PlantedError::norm);
  const auto errors =
      component_errors(loud_checkpoint(hosted_config(family)), on_gpu(Backend::native, DType::bf16),
                       random_tokens(3, 90, 101, 33), planted);
  CHECK(std::any_of(errors.begin(), errors.end(), [](const auto& e) { return !e.good(); }));
}

}  // namespace ssmprof::workloads
