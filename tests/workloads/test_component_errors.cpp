// Every operation of both backends against fp64 on the inputs it was given.
#include <algorithm>
#include <set>
#include <sstream>

#include "reports/error.hpp"
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

std::set<std::string> failing(const std::vector<ComponentError>& errors) {
  std::set<std::string> names;
  for (const auto& e : errors) {
    if (!e.good()) names.insert(std::string(name_of(e.component)) + ' ' + e.what + ' ' + e.stage);
  }
  return names;
}

using Names = std::set<std::string>;

}  // namespace

TEST_CASE("native kernels are within their limits of fp64", "[torch]") {
  if (models_cannot_run()) return;
  const auto family = GENERATE(Family::mamba1, Family::mamba2);
  const auto dtype = GENERATE(DType::f32, DType::bf16, DType::f16);
  const bool fusion = GENERATE(false, true);
  const bool residual_in_fp32 = GENERATE(true, false);
  ModelConfig config = hosted_config(family);
  config.residual_in_fp32 = residual_in_fp32;
  ExecutionSpec spec = spec_of(Backend::native, dtype);
  spec.fusion = fusion;
  const auto errors =
      component_errors(loud_checkpoint(config), spec, random_tokens(3, 90, config.vocab_size, 21));
  for (const auto& e : errors) {
    INFO(described(e));
    REQUIRE(e.limit);
    CHECK(e.good());
    CHECK(*e.limit <= 1.6 * rounding_limit(dtype));
  }
  CHECK(errors.size() > 20);
}

TEST_CASE("a gated norm inside the ssd is within the limits of fp64", "[torch]") {
  if (models_cannot_run()) return;
  const auto dtype = GENERATE(DType::f32, DType::bf16);
  ModelConfig config = hosted_config(Family::mamba2);
  config.use_bias = false, config.norm_group_size = config.d_inner;
  ExecutionSpec spec = spec_of(Backend::native, dtype);
  spec.fusion = true;
  const auto check = [&](PlantedError planted) {
    return component_errors(loud_checkpoint(config), spec,
                            random_tokens(3, 90, config.vocab_size, 21), planted);
  };
  const auto errors = check(PlantedError::none);
  Names found;
  for (const auto& e : errors) {
    INFO(described(e));
    CHECK(e.good());
    found.insert(std::string(name_of(e.component)) + ' ' + e.what + ' ' + e.stage);
  }
  CHECK(found.count("ssd squares prefill") == 1);
  CHECK(found.count("ssd squares continue") == 1);
  CHECK(found.count("gated_norm output prefill") == 0);
  CHECK(found.count("gated_norm output decode") == 1);
  const Names wrong = failing(check(PlantedError::skip));
  CHECK(wrong.count("ssd output prefill") == 1);
  CHECK(wrong.count("ssd squares prefill") == 1);
}

TEST_CASE("every component, result and stage is held against fp64", "[torch]") {
  if (models_cannot_run()) return;
  const auto family = GENERATE(Family::mamba1, Family::mamba2);
  const auto backend = GENERATE(Backend::torch, Backend::native);
  const auto errors = component_errors(loud_checkpoint(hosted_config(family)), spec_of(backend),
                                       random_tokens(1, 9, 101, 22));
  Names expected, found;
  std::vector<std::string> results = {"norm output", "in_proj output",  "conv output",
                                      "conv state",  "out_proj output", "head output"};
  const std::vector<std::string> own =
      family == Family::mamba1
          ? std::vector<std::string>{"x_proj output", "dt_proj output", "scan output", "scan state",
                                     "gate output"}
          : std::vector<std::string>{"ssd output", "ssd state", "gated_norm output"};
  results.insert(results.end(), own.begin(), own.end());
  for (const auto& result : results) {
    for (const char* stage : {" prefill", " continue", " decode"}) expected.insert(result + stage);
  }
  for (const auto& e : errors) {
    found.insert(std::string(name_of(e.component)) + ' ' + e.what + ' ' + e.stage);
  }
  CHECK(found == expected);
}

TEST_CASE("the torch backend is near fp64", "[torch]") {
  if (models_cannot_run()) return;
  const auto family = GENERATE(Family::mamba1, Family::mamba2);
  const auto dtype = GENERATE(DType::f32, DType::bf16, DType::f16);
  const auto errors =
      component_errors(loud_checkpoint(hosted_config(family)), spec_of(Backend::torch, dtype),
                       random_tokens(3, 90, 101, 23));
  for (const auto& e : errors) {
    INFO(described(e));
    CHECK(e.good());
    // Some of its steps round twice.
    CHECK(e.error <= 2 * rounding_limit(dtype));
    const bool gemm = e.component == Component::in_proj || e.component == Component::x_proj ||
                      e.component == Component::dt_proj || e.component == Component::out_proj ||
                      e.component == Component::head;
    const bool copy = e.component == Component::conv && e.what == "state";
    CHECK(e.limit.has_value() == (gemm || copy));
  }
}

TEST_CASE("a 16-bit state is judged as what it is", "[torch]") {
  if (models_cannot_run()) return;
  const auto family = GENERATE(Family::mamba1, Family::mamba2);
  ExecutionSpec spec = spec_of(Backend::native);
  spec.state_dtype = DType::bf16;
  const auto errors =
      component_errors(loud_checkpoint(hosted_config(family)), spec, random_tokens(3, 40, 101, 24));
  for (const auto& e : errors) {
    INFO(described(e));
    CHECK(e.good());
    const bool state = e.what == "state" && e.component != Component::conv;
    CHECK((*e.limit >= rounding_limit(DType::bf16)) == state);
    CHECK((e.error > 1e-4) == state);
  }
}

TEST_CASE("mistakes of a backend are flagged where they are made", "[torch]") {
  if (models_cannot_run()) return;
  const auto family = GENERATE(Family::mamba1, Family::mamba2);
  const auto dtype = GENERATE(DType::f32, DType::bf16);
  const std::string ssm = family == Family::mamba1 ? "scan" : "ssd";
  const auto found = [&](PlantedError planted) {
    return failing(component_errors(loud_checkpoint(hosted_config(family)),
                                    spec_of(Backend::native, dtype), random_tokens(3, 90, 101, 25),
                                    planted));
  };
  CHECK(found(PlantedError::none).empty());
  CHECK(found(PlantedError::skip) ==
        Names{ssm + " output prefill", ssm + " output continue", ssm + " output decode"});
  CHECK(found(PlantedError::state) == Names{ssm + " state decode"});
  const Names forgotten = found(PlantedError::forgotten);
  CHECK(forgotten.count(ssm + " output continue") == 1);
  CHECK(std::all_of(forgotten.begin(), forgotten.end(), [&](const std::string& name) {
    return name == ssm + " output continue" || name == ssm + " state continue";
  }));
  CHECK(found(PlantedError::norm) ==
        Names{"norm output prefill", "norm output continue", "norm output decode"});
  const Names gemms = found(PlantedError::gemm);
  CHECK(gemms.size() == (family == Family::mamba1 ? 15 : 9));
  CHECK(gemms.count("head output prefill") == 1);
}

TEST_CASE("a wrong GEMM is flagged in the torch backend too", "[torch]") {
  if (models_cannot_run()) return;
  const auto errors =
      component_errors(loud_checkpoint(hosted_config(Family::mamba2)), spec_of(Backend::torch),
                       random_tokens(1, 9, 101, 26), PlantedError::gemm);
  CHECK(failing(errors).size() == 9);
}

TEST_CASE("one token is enough, bad tokens are refused", "[torch]") {
  if (models_cannot_run()) return;
  const auto family = GENERATE(Family::mamba1, Family::mamba2);
  const auto checkpoint = loud_checkpoint(hosted_config(family));
  const auto errors = component_errors(checkpoint, spec_of(Backend::native), TokenBatch{{3}});
  CHECK(failing(errors).empty());
  CHECK(std::none_of(errors.begin(), errors.end(),
                     [](const ComponentError& e) { return e.stage == "continue"; }));
  const TokenBatch outside = {{101}};
  CHECK_THROWS_AS(component_errors(checkpoint, spec_of(Backend::native), outside),
                  reports::InputError);
}

}  // namespace ssmprof::workloads
