#include "kernels/gate.hpp"
#include "kernels/rms_norm.hpp"

#include "tests/kernels/run_cpu.hpp"
#include "tests/kernels/step_cases.hpp"

using namespace ssmprof::kernels;
using namespace ssmprof::kernels::cases;

namespace {

void check_norm(const NormShape& shape, int threads = 1) {
  NormCase test(shape);
  RmsNormArgs args = test.args(host_place);
  args.eps = 0.25F;  // large enough to be seen
  const reference::Result expected = reference::rms_norm(args);
  rms_norm(args, on_cpu(threads));
  INFO("dtype " << name_of(shape.dtype) << " T " << shape.tokens << " D " << shape.channels
                << " isa " << cpu::name_of(cpu::inner_loops().isa));
  CHECK(error_of(expected.out, test.out) <= rounding_tolerance(shape.dtype));
  CHECK(test.out.gaps_untouched());
  if (shape.residual_out) {
    CHECK(error_of(expected.state, test.residual_out) <= rounding_tolerance(shape.residual_dtype));
    CHECK(test.residual_out.gaps_untouched());
  }
}

}  // namespace

TEST_CASE("RMS norm equals the fp64 reference") {
  for (const auto isa : supported_isas()) {
    const WithIsa with(isa);
    for (const std::int64_t channels : {1, 3, 16, 64, 100, 768, 2560}) {
      check_norm({.tokens = 5, .channels = channels, .gap = 3});
      check_norm({.tokens = 3, .channels = channels, .residual = true, .residual_out = true});
    }
  }
  check_norm({.tokens = 500, .channels = 768}, 2);
}

TEST_CASE("RMS norm mixes element types") {
  for (const auto isa : supported_isas()) {
    const WithIsa with(isa);
    for (const DType dtype : {DType::f32, DType::f16, DType::bf16}) {
      for (const DType x : {DType::f32, DType::f16, DType::bf16}) {
        for (const DType residual : {DType::f32, DType::bf16}) {
          check_norm({.dtype = dtype,
                      .x_dtype = x,
                      .residual_dtype = residual,
                      .tokens = 4,
                      .channels = 90,
                      .residual = true,
                      .residual_out = true,
                      .gap = 1});
        }
      }
    }
  }
}

TEST_CASE("RMS norm applies a scale that was left to it") {
  for (const auto isa : supported_isas()) {
    const WithIsa with(isa);
    for (const bool residual : {false, true}) {
      NormCase test({.x_dtype = DType::bf16,
                     .tokens = 5,
                     .channels = 77,
                     .residual = residual,
                     .residual_out = true,
                     .parts = 7});
      RmsNormArgs args = test.args(host_place);
      args.eps = 0.25F;
      const reference::Result expected = reference::rms_norm(args);
      rms_norm(args, on_cpu(2));
      CHECK(error_of(expected.out, test.out) <= rounding_tolerance(DType::f32));
      CHECK(error_of(expected.state, test.residual_out) <= rounding_tolerance(DType::f32));
      const Cost scaled = cost_of(args);
      args.x_scale = {};
      const Cost plain = cost_of(args);
      CHECK(scaled.flops == plain.flops + 5 * 77);
      CHECK(scaled.bytes() == plain.bytes() + 4 * 5 * 7);
    }
  }
}

TEST_CASE("RMS norm may write over its input and its residual") {
  NormCase apart({.tokens = 6, .channels = 50, .residual = true, .residual_out = true});
  NormCase inside({.tokens = 6, .channels = 50, .residual = true});
  rms_norm(apart.args(host_place), on_cpu());
  RmsNormArgs args = inside.args(host_place);
  args.residual_out = inside.residual.view(inside.residual.array.data());
  args.out = inside.x.view(inside.x.array.data());
  rms_norm(args, on_cpu());
  CHECK(apart.out.array.bytes == inside.x.array.bytes);
  CHECK(apart.residual_out.array.bytes == inside.residual.array.bytes);
}

TEST_CASE("gated RMS norm equals the fp64 reference") {
  for (const auto isa : supported_isas()) {
    const WithIsa with(isa);
    for (const DType dtype : {DType::f32, DType::f16, DType::bf16}) {
      for (const std::int64_t group : {1, 5, 15, 60, 120}) {
        GateCase test(dtype, 1, 9, 120, 2);
        GatedRmsNormArgs args = test.norm_args(host_place, group);
        args.eps = 0.25F;
        const reference::Result expected = reference::gated_rms_norm(args);
        gated_rms_norm(args, on_cpu());
        CHECK(error_of(expected.out, test.out) <= rounding_tolerance(dtype));
        CHECK(test.out.gaps_untouched());
      }
    }
  }
}

TEST_CASE("gate equals the fp64 reference") {
  for (const auto isa : supported_isas()) {
    const WithIsa with(isa);
    for (const DType dtype : {DType::f32, DType::f16, DType::bf16}) {
      GateCase test(dtype, 3, 8, 77, 2);
      const reference::Result expected = reference::gate(test.args(host_place));
      gate(test.args(host_place), on_cpu());
      CHECK(error_of(expected.out, test.out) <= rounding_tolerance(dtype));
      CHECK(test.out.gaps_untouched());
      GateArgs over = test.args(host_place);
      over.out = test.y.view(test.y.array.data());
      gate(over, on_cpu());
      CHECK(test.y.array.bytes == test.out.array.bytes);
    }
  }
}

TEST_CASE("norms and gate are bit-equal for any number of threads") {
  NormCase norm({.tokens = 400, .channels = 768});
  GateCase gated(DType::f32, 1, 400, 768);
  rms_norm(norm.args(host_place), on_cpu(1));
  const auto norm_bytes = norm.out.array.bytes;
  gated_rms_norm(gated.norm_args(host_place, 96), on_cpu(1));
  const auto gated_bytes = gated.out.array.bytes;
  for (const int threads : {2, 3, 0}) {
    rms_norm(norm.args(host_place), on_cpu(threads));
    gated_rms_norm(gated.norm_args(host_place, 96), on_cpu(threads));
    CHECK(norm.out.array.bytes == norm_bytes);
    CHECK(gated.out.array.bytes == gated_bytes);
  }
}

TEST_CASE("norms and gate refuse bad arguments by name") {
  NormCase norm({.tokens = 4, .channels = 6, .residual = true, .residual_out = true});
  GateCase gated(DType::f32, 1, 4, 6);
  RmsNormArgs n = norm.args(host_place);
  GatedRmsNormArgs g = gated.norm_args(host_place, 3);
  GateArgs plain = gated.args(host_place);
  std::string start;
  SECTION("tokens") {
    n.tokens = 0, start = "rms_norm: tokens ";
  }
  SECTION("channels") {
    n.channels = 0, start = "rms_norm: channels ";
  }
  SECTION("x") {
    n.x = {}, start = "rms_norm: x ";
  }
  SECTION("residual") {
    n.residual.row_stride = 2, start = "rms_norm: residual ";
  }
  SECTION("weight") {
    n.weight = nullptr, start = "rms_norm: weight ";
  }
  SECTION("group") {
    g.group_size = 4, start = "gated_rms_norm: group_size ";
  }
  SECTION("no group") {
    g.group_size = 0, start = "gated_rms_norm: group_size ";
  }
  SECTION("z") {
    g.z = {}, start = "gated_rms_norm: z ";
  }
  SECTION("y") {
    plain.y = {}, start = "gate: y ";
  }
  SECTION("out") {
    plain.out = {}, start = "gate: out ";
  }
  try {
    rms_norm(n, on_cpu());
    gated_rms_norm(g, on_cpu());
    gate(plain, on_cpu());
    FAIL("accepted");
  } catch (const std::invalid_argument& e) {
    CHECK(std::string(e.what()).rfind(start, 0) == 0);
  }
}

TEST_CASE("norm and gate costs are the stated formulas") {
  NormCase norm({.dtype = DType::bf16,
                 .x_dtype = DType::bf16,
                 .tokens = 4,
                 .channels = 6,
                 .residual = true,
                 .residual_out = true});
  const Cost cost = cost_of(norm.args(host_place));
  CHECK(cost.flops == 4 * 24 + 24);
  CHECK(cost.transcendentals == 4);
  CHECK(cost.bytes() == 24 * (2 + 4 + 4 + 2) + 6 * 2);
  GateCase gated(DType::f32, 1, 4, 6);
  const Cost g = cost_of(gated.norm_args(host_place, 3));
  CHECK(g.flops == 6 * 24);
  CHECK(g.transcendentals == 2 * 24 + 8);
  CHECK(g.bytes() == 4 * (3 * 24 + 6));
  const Cost plain = cost_of(gated.args(host_place));
  CHECK(plain.flops == 48);
  CHECK(plain.transcendentals == 48);
  CHECK(plain.bytes() == 3 * 4 * 24);
}
