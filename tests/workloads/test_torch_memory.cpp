// The memory books, what a run is estimated to need, and refusals.
#include <functional>

#include "reports/error.hpp"
#include "workloads/torch/memory_need.hpp"

#include "tests/catch.hpp"
#include "tests/workloads/torch_models.hpp"

namespace ssmprof::workloads {
using namespace testing;

namespace {

std::string refusal(const std::function<void()>& action) {
  try {
    action();
  } catch (const reports::EnvironmentError& e) {
    return e.what();
  }
  return {};
}

}  // namespace

TEST_CASE("memory books name weights, state and activations", "[torch]") {
  if (models_cannot_run()) return;
  const auto family = GENERATE(Family::mamba1, Family::mamba2);
  const auto backend = GENERATE(Backend::torch, Backend::native);
  const ModelConfig config = hosted_config(family);
  const auto checkpoint = loud_checkpoint(config);
  ExecutionSpec spec = spec_of(backend);
  spec.batch = 2, spec.length = 200;
  const auto model = make_model(checkpoint, spec);
  const auto execution = model->prepare(spec, {}, 1);
  execution->run(nullptr);
  const MemoryUse use = execution->measure_memory();

  std::uint64_t weights = 0;
  for (const auto& [name, tensor] : checkpoint->tensors) weights += tensor.bytes();
  CHECK(use.weights == weights);
  CHECK(use.state == state_need(config, spec, 2));
  // The packed projection and its input live at the same time; all layers ask for their own.
  const std::uint64_t packed = 4ULL * 400 * config.in_proj_rows(0);
  CHECK(use.activations_peak > packed);
  CHECK(use.allocated_cumulative > use.activations_peak);
  CHECK(use.allocated_cumulative > 3 * packed / 2);
  const MemoryUse again = execution->measure_memory();
  CHECK(again.activations_peak == use.activations_peak);
  CHECK(again.allocated_cumulative == use.allocated_cumulative);
}

TEST_CASE("the estimate of a pass is near what it takes", "[torch]") {
  if (models_cannot_run()) return;
  const auto family = GENERATE(Family::mamba1, Family::mamba2);
  const auto backend = GENERATE(Backend::torch, Backend::native);
  const auto dtype = GENERATE(kernels::DType::f32, kernels::DType::bf16);
  const auto logits = GENERATE(Logits::last, Logits::all);
  ModelConfig config = hosted_config(family);
  config.d_inner = 4 * config.d_model;
  config.n_heads = config.d_inner / 16, config.norm_group_size = config.d_inner;
  if (family == Family::mamba1) config.n_heads = 0, config.norm_group_size = 0;
  ExecutionSpec spec = spec_of(backend, dtype);
  spec.batch = 2, spec.length = 512, spec.logits = logits;
  const auto model = make_model(loud_checkpoint(config), spec);
  const auto taken =
      static_cast<double>(model->prepare(spec, {}, 1)->measure_memory().activations_peak);
  const auto estimated = static_cast<double>(activations_need(config, spec, 2, 512, logits));
  CHECK(estimated > 0.9 * taken);
  CHECK(estimated < 2.0 * taken);
}

TEST_CASE("what does not fit is refused with how much it needs", "[torch]") {
  if (models_cannot_run()) return;
  ExecutionSpec spec = spec_of(Backend::native);
  const auto model = make_model(loud_checkpoint(hosted_config(Family::mamba2)), spec);
  spec.batch = 1 << 20, spec.length = 1 << 20;
  const std::string message = refusal([&] { model->prepare(spec, {}, 1); });
  INFO(message);
  CHECK(message.find("GiB") != std::string::npos);
  CHECK(message.find("needs") != std::string::npos);
  CHECK(message.find("available") != std::string::npos);
  CHECK(message.find('\n') == std::string::npos);
}

TEST_CASE("a device that is not there is an environment error", "[torch]") {
  if (models_cannot_run()) return;
  ExecutionSpec spec = spec_of(Backend::native);
  spec.device = kernels::Device::cuda;
  spec.device_index = 4096;
  const auto checkpoint = loud_checkpoint(hosted_config(Family::mamba1));
  const std::string message = refusal([&] { make_model(checkpoint, spec); });
  INFO(message);
  CHECK(message.find("CUDA") != std::string::npos);
  CHECK(message.find('\n') == std::string::npos);
}

TEST_CASE("tokens outside the vocabulary are refused before anything runs", "[torch]") {
  if (models_cannot_run()) return;
  const auto model =
      make_model(loud_checkpoint(hosted_config(Family::mamba1)), spec_of(Backend::torch));
  const TokenBatch bad = {{1, 2, 101}}, negative = {{-1}}, ragged = {{1, 2}, {1}};
  for (const TokenBatch& tokens : {bad, negative, ragged}) {
    CHECK_THROWS_AS(model->prefill_logits(tokens), reports::InputError);
    CHECK_THROWS_AS(model->calibrate(tokens), reports::InputError);
    CHECK_THROWS_AS(model->prepare(spec_of(Backend::torch), tokens, 0), reports::InputError);
  }
  CHECK_THROWS_AS(model->decode_logits({{1, 2}}, 3), reports::InputError);
  CHECK_THROWS_AS(model->decode_logits({{1, 2}}, 0), reports::InputError);
}

TEST_CASE("the libraries that host the models are named with their flags", "[torch]") {
  if (models_cannot_run()) return;
  const auto versions = host_library_versions();
  CHECK_FALSE(versions.at("libtorch").empty());
  CHECK_FALSE(versions.at("mkl").empty());
  CHECK(versions.at("tf32") == "off");
  CHECK(versions.at("reduced_precision_reductions") == "off");
}

}  // namespace ssmprof::workloads
