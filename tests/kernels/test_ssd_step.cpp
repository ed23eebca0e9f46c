#include "kernels/ssd_step.hpp"

#include "tests/kernels/run_cpu.hpp"
#include "tests/kernels/ssd_step_case.hpp"

using namespace ssmprof::kernels;
using namespace ssmprof::kernels::cases;

namespace {

/// The CPU convolves into rows of the element type: x, B, C and the output are rounded.
double tolerance(DType dtype) {
  return dtype == DType::f32 ? 1e-5 : 2 * rounding_tolerance(dtype);
}

void check(const DecodeShape& shape, int threads = 1) {
  DecodeCase test(shape);
  const auto expected = test.expected();
  const SsdStepArgs args = test.args(host_place, on_cpu());
  ssd_step(args, on_cpu(threads));
  INFO("dtype " << name_of(shape.dtype) << " H " << shape.heads << " P " << shape.head_dim << " N "
                << shape.state << " K " << shape.width);
  CHECK(error_of(expected.out, test.out) <= tolerance(shape.dtype));
  CHECK(error_of(expected.state, test.ssm_state) <=
        std::max(tolerance(shape.dtype), rounding_tolerance(shape.state_dtype)));
  if (shape.width > 1) CHECK(error_of(expected.conv_state, test.conv_state) == 0.0);
  CHECK(test.out.gaps_untouched());
}

}  // namespace

TEST_CASE("a whole Mamba-2 decode step equals fp64") {
  for (const DType dtype : {DType::f32, DType::f16, DType::bf16}) {
    for (const std::int64_t state : {1, 12, 38, 128, 256})
      check({.dtype = dtype, .groups = 2, .state = state, .gap = 3});
    for (const std::int64_t width : {1, 2, 4, 7})
      check({.dtype = dtype, .batch = 16, .heads = 8, .width = width});
    check({.dtype = dtype, .state_dtype = dtype, .head_dim = 5});
    check({.dtype = dtype, .gate = false, .d = false, .bias = false, .conv_bias = false});
    check({.dtype = dtype, .dt_max = 0.1F});
  }
  check({.batch = 4, .heads = 24, .head_dim = 64, .state = 128}, 2);
}

TEST_CASE("a decode step costs its parts without the convolved rows") {
  DecodeCase test({.dtype = DType::bf16});
  const SsdStepArgs args = test.args(host_place, on_cpu());
  const SsdStepParts parts = ssd_step_parts(args, args.workspace);
  const Cost conv = cost_of(parts.conv), update = cost_of(parts.update), all = cost_of(args);
  const std::uint64_t rows = static_cast<std::uint64_t>(test.shape.batch * test.channels) * 2;
  CHECK(all.flops == conv.flops + update.flops);
  CHECK(all.transcendentals == conv.transcendentals + update.transcendentals);
  CHECK(all.bytes() == conv.bytes() + update.bytes() - 2 * rows);
}

TEST_CASE("a decode step refuses what is missing") {
  DecodeCase test({});
  const SsdStepArgs args = test.args(host_place, on_cpu());
  const auto refused = [&](auto change) {
    SsdStepArgs bad = args;
    change(bad);
    CHECK_THROWS_AS(ssd_step(bad, on_cpu()), std::invalid_argument);
  };
  refused([](SsdStepArgs& a) { a.groups = 3; });
  refused([](SsdStepArgs& a) { a.state = 257; });
  refused([](SsdStepArgs& a) { a.conv_state = nullptr; });
  refused([](SsdStepArgs& a) { a.workspace = nullptr; });
  refused([](SsdStepArgs& a) { a.xbc.batch_stride = 1; });
}
