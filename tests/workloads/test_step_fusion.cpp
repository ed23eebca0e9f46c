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

TEST_CASE("a prefill leaves the gated norm to the ssd where it can") {
  ExecutionSpec spec = fused_step(2);
  spec.mode = Mode::prefill, spec.length = 64;
  const ModelConfig config = preset("mamba2-130m");
  CHECK(prefill_norm_fused(config, spec));
  CHECK_FALSE(prefill_norm_fused(preset("mamba-130m"), spec));
  const auto refuses = [&](auto&& change) {
    ModelConfig other = config;
    ExecutionSpec how = spec;
    change(other, how);
    return !prefill_norm_fused(other, how);
  };
  CHECK(refuses([](ModelConfig&, ExecutionSpec& s) { s.fusion = false; }));
  CHECK(refuses([](ModelConfig&, ExecutionSpec& s) { s.backend = Backend::torch; }));
  CHECK(refuses([](ModelConfig&, ExecutionSpec& s) { s.dtype = DType::f16; }));
  CHECK(refuses([](ModelConfig& c, ExecutionSpec&) { c.use_bias = true; }));
  CHECK(refuses([](ModelConfig& c, ExecutionSpec&) { c.norm_group_size = c.d_inner / 2; }));

  using Includes = std::vector<Component>;
  const auto ranges = plan_ranges(config, spec);
  REQUIRE(ranges.size() == 4 + 24 * 6);
  CHECK(find(ranges, "layer.07/ssd").includes == Includes{Component::gated_norm});
  CHECK(find(ranges, "layer.07/norm").includes == Includes{Component::residual});
  ExecutionSpec apart = spec;
  apart.fusion = false;
  const auto whole = plan_ranges(config, apart);
  REQUIRE(whole.size() == 4 + 24 * 8);
  const auto cost = [](const std::vector<RangeSpec>& all, const std::string& id) {
    return find(all, id).cost;
  };
  // T=128, D=768, Di=1536, 24 sums per token: y is neither written nor read again.
  const std::uint64_t y = 128ULL * 1536 * 2, sums = 128ULL * 24 * 4;
  const auto fused = cost(ranges, "layer.07/ssd");
  const auto parts = cost(whole, "layer.07/ssd") + cost(whole, "layer.07/gated_norm");
  CHECK(fused.bytes_read == parts.bytes_read - y);
  CHECK(fused.bytes_written == parts.bytes_written - y + sums);
  CHECK(fused.flops == parts.flops - 128ULL * 1536);  // the scale
  CHECK(cost(ranges, "layer.00/norm") == cost(whole, "layer.00/norm"));
  CHECK(cost(ranges, "layer.07/norm").bytes_read == 128ULL * 768 * 6 + 768 * 2 + sums);
  CHECK(cost(ranges, "layer.07/norm").flops == 6ULL * 128 * 768);
  CHECK(cost(ranges, "norm").bytes_read == 2ULL * 768 * 6 + 768 * 2 + 2ULL * 24 * 4);
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
