// Which decode steps fuse what, and what their ranges say.
#include <stdexcept>

#include "workloads/plan.hpp"
#include "workloads/presets.hpp"

#include "tests/catch.hpp"

using namespace ssmprof::workloads;
using ssmprof::kernels::DType;

namespace {

ExecutionSpec fused_step(std::int64_t batch) {
  ExecutionSpec spec;
  spec.mode = Mode::decode;
  spec.batch = batch;
  spec.fusion = true;
  spec.backend = Backend::native;
  spec.device = ssmprof::kernels::Device::cuda;
  spec.dtype = DType::bf16;
  return spec;
}

const RangeSpec& find(const std::vector<RangeSpec>& ranges, const std::string& id) {
  for (const auto& range : ranges) {
    if (range.id == id) return range;
  }
  throw std::runtime_error("no range " + id);
}

}  // namespace

TEST_CASE("decode steps fuse where the kernels can") {
  CHECK(step_fusion(preset("mamba-130m"), fused_step(1)) == StepFusion::layer);
  CHECK(step_fusion(preset("mamba2-2.7b"), fused_step(8)) == StepFusion::layer);
  CHECK(step_fusion(preset("mamba2-130m"), fused_step(64)) == StepFusion::layer);
  CHECK(step_fusion(preset("mamba2-130m"), fused_step(65)) == StepFusion::none);
  CHECK(step_fusion(preset("mamba-130m"), fused_step(64)) == StepFusion::layer);
  CHECK(step_fusion(preset("mamba-130m"), fused_step(65)) == StepFusion::recurrence);
  const auto none = [&](auto&& change) {
    ExecutionSpec spec = fused_step(1);
    change(spec);
    return step_fusion(preset("mamba-130m"), spec) == StepFusion::none;
  };
  CHECK(none([](ExecutionSpec& s) { s.fusion = false; }));
  CHECK(none([](ExecutionSpec& s) { s.backend = Backend::torch; }));
  CHECK(none([](ExecutionSpec& s) { s.device = ssmprof::kernels::Device::cpu; }));
  CHECK(none([](ExecutionSpec& s) { s.dtype = DType::f16; }));
  CHECK(none([](ExecutionSpec& s) { s.mode = Mode::prefill; }));
  ModelConfig pruned = preset("mamba-130m");
  pruned.d_state[3] = 15;
  CHECK(step_fusion(pruned, fused_step(1)) == StepFusion::none);
  pruned = preset("mamba2-130m");
  pruned.d_state[3] = 115;
  CHECK(step_fusion(pruned, fused_step(1)) == StepFusion::none);  // rows in pairs, not in fours
  pruned.d_state[3] = 38;
  CHECK(step_fusion(pruned, fused_step(1)) == StepFusion::layer);
}

TEST_CASE("the ranges of fused decode steps say what they include") {
  const auto mamba1 = plan_ranges(preset("mamba-130m"), fused_step(2));
  REQUIRE(mamba1.size() == 3 + 24 * 5);
  using Includes = std::vector<Component>;
  CHECK(find(mamba1, "embedding").includes == Includes{Component::norm});
  CHECK(find(mamba1, "layer.07/in_proj").includes == Includes{Component::conv});
  CHECK(find(mamba1, "layer.07/x_proj").includes.empty());
  CHECK(find(mamba1, "layer.07/scan").includes == Includes{Component::dt_proj, Component::gate});
  CHECK(find(mamba1, "layer.07/out_proj").includes ==
        Includes{Component::residual, Component::norm});
  const auto mamba2 = plan_ranges(preset("mamba2-130m"), fused_step(2));
  REQUIRE(mamba2.size() == 3 + 24 * 4);
  CHECK(find(mamba2, "layer.07/ssd").includes == Includes{Component::gated_norm});

  // As much work as apart, without most of the activations' traffic.
  ExecutionSpec apart = fused_step(2);
  apart.fusion = false;
  for (const char* name : {"mamba-130m", "mamba2-130m"}) {
    const auto fused = total_cost(plan_ranges(preset(name), fused_step(2)));
    const auto whole = total_cost(plan_ranges(preset(name), apart));
    CHECK(static_cast<double>(fused.flops) / static_cast<double>(whole.flops) ==
          Approx(1).epsilon(0.001));
    CHECK(fused.bytes() < whole.bytes());
    CHECK(fused.bytes() > decode_floor_bytes(preset(name), fused_step(2)));
  }
  const auto cost = [&](const char* id) { return find(mamba1, id).cost; };
  // D=768, Di=1536, N=16, R=48; the sums of squares are 48 per row.
  CHECK(cost("layer.07/in_proj").bytes_read ==
        (2ULL * 768 + 768ULL * 3072) * 2 + 2 * 48 * 4 + (1536ULL * 5 + 2ULL * 3 * 1536) * 2);
  CHECK(cost("layer.07/in_proj").bytes_written == (2ULL * 3072 + 2ULL * 3 * 1536) * 2);
  CHECK(cost("layer.07/out_proj").bytes_written == 2ULL * 768 * (4 + 2) + 2 * 48 * 4);
  CHECK(cost("layer.07/scan").flops ==
        6ULL * 2 * 1536 * 16 + 6ULL * 2 * 1536 + 2ULL * 2 * 1536 * 48);
}
