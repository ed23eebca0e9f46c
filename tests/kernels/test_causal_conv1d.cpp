#include "kernels/causal_conv1d.hpp"

#include "tests/kernels/run_cpu.hpp"

using namespace ssmprof::kernels;
using namespace ssmprof::kernels::cases;

namespace {

void check_against_reference(const ConvShape& shape, int threads = 1) {
  ConvCase test(shape);
  const CausalConv1dArgs args = test.args(host_place);
  const reference::Result expected = reference::causal_conv1d(args);
  causal_conv1d(args, on_cpu(threads));
  INFO("dtype " << name_of(shape.dtype) << " L " << shape.length << " C " << shape.channels << " K "
                << shape.width << " isa " << cpu::name_of(cpu::inner_loops().isa));
  CHECK(error_of(expected.out, test.out) <= rounding_tolerance(shape.dtype));
  CHECK(test.out.gaps_untouched());
  if (shape.final && shape.width > 1) {
    CHECK(error_of(expected.state, test.final_state) == 0.0);  // copies
  }
}

}  // namespace

TEST_CASE("convolution equals the fp64 reference at every width and length") {
  for (const auto isa : supported_isas()) {
    const WithIsa with(isa);
    for (const std::int64_t width : {1, 2, 3, 4, 5, 16}) {
      for (const std::int64_t length : {1, 2, 3, 4, 63, 130}) {
        check_against_reference(
            {.length = length, .channels = 37, .width = width, .initial = true});
        check_against_reference(
            {.batch = 2, .length = length, .channels = 9, .width = width, .gap = 3});
      }
    }
  }
  check_against_reference({.length = 2048, .channels = 300}, 2);
  check_against_reference({.length = 131072, .channels = 3}, 2);
}

TEST_CASE("convolution reads and writes fp16 and bf16") {
  for (const auto isa : supported_isas()) {
    const WithIsa with(isa);
    for (const DType dtype : {DType::f16, DType::bf16}) {
      check_against_reference(
          {.dtype = dtype, .batch = 2, .length = 100, .channels = 77, .initial = true, .gap = 5});
    }
  }
}

TEST_CASE("convolution without bias, activation or state") {
  check_against_reference({.length = 50, .channels = 20, .bias = false});
  check_against_reference({.length = 50, .channels = 20, .silu = false});
  check_against_reference({.length = 50, .channels = 20, .final = false});
}

TEST_CASE("convolution over variable-length sequences") {
  ConvShape shape{.length = 230, .channels = 33, .initial = true, .gap = 2};
  shape.starts = {0, 1, 3, 3, 192, 230};
  check_against_reference(shape);
}

TEST_CASE("convolution steps continue a convolution bit by bit") {
  for (const std::int64_t width : {1, 2, 4}) {
    const ConvShape shape{
        .batch = 2, .length = 30, .channels = 40, .width = width, .initial = true};
    ConvCase whole(shape), steps(shape);
    causal_conv1d(whole.args(host_place), on_cpu());
    CausalConv1dArgs args = steps.args(host_place);
    args.final_state = steps.initial_state.data();
    args.length = 20;
    causal_conv1d(args, on_cpu());
    for (std::int64_t t = 20; t < 30; ++t) {
      args = steps.args(host_place);
      args.final_state = steps.initial_state.data();
      args.length = 1;
      args.x.data = static_cast<const float*>(args.x.data) + t * args.x.row_stride;
      args.out.data = static_cast<float*>(args.out.data) + t * args.out.row_stride;
      causal_conv1d_update(args, on_cpu());
    }
    CHECK(whole.out.array.bytes == steps.out.array.bytes);
    CHECK(whole.final_state.bytes == steps.initial_state.bytes);
  }
}

TEST_CASE("convolution is bit-equal run to run and for any number of threads") {
  const ConvShape shape{.batch = 2, .length = 300, .channels = 700};
  ConvCase first(shape);
  causal_conv1d(first.args(host_place), on_cpu(1));
  for (const int threads : {1, 2, 3, 0}) {
    ConvCase again(shape);
    causal_conv1d(again.args(host_place), on_cpu(threads));
    CHECK(first.out.array.bytes == again.out.array.bytes);
  }
}

TEST_CASE("convolution refuses bad arguments by name") {
  ConvCase test({.batch = 2, .length = 4, .channels = 5});
  CausalConv1dArgs args = test.args(host_place);
  bool update = false;
  std::string name;
  SECTION("batch") {
    args.batch = 0, name = "batch";
  }
  SECTION("length") {
    args.length = 0, name = "length";
  }
  SECTION("channels") {
    args.channels = 0, name = "channels";
  }
  SECTION("width 0") {
    args.width = 0, name = "width";
  }
  SECTION("width 17") {
    args.width = 17, name = "width";
  }
  SECTION("x") {
    args.x = {}, name = "x";
  }
  SECTION("weight") {
    args.weight = nullptr, name = "weight";
  }
  SECTION("out") {
    args.out.row_stride = 2, name = "out";
  }
  SECTION("update of four rows") {
    update = true, name = "length";
  }
  SECTION("update without a state") {
    update = true, args.length = 1, args.final_state = nullptr, name = "final_state";
  }
  SECTION("update of two states") {
    update = true, args.length = 1, name = "initial_state";
  }
  try {
    update ? causal_conv1d_update(args, on_cpu()) : causal_conv1d(args, on_cpu());
    FAIL("accepted");
  } catch (const std::invalid_argument& e) {
    const std::string kernel = update ? "causal_conv1d_update: " : "causal_conv1d: ";
    CHECK(std::string(e.what()).rfind(kernel + name + " ", 0) == 0);
  }
}

TEST_CASE("convolution costs are the stated formulas") {
  // T = 8, C = 5, K = 4.
  ConvCase test({.batch = 2, .length = 4, .channels = 5, .initial = true});
  const Cost cost = cost_of(test.args(host_place));
  CHECK(cost.flops == 2 * 8 * 4 * 5);
  CHECK(cost.transcendentals == 2 * 8 * 5);
  CHECK(cost.bytes() == 2 * 4 * 40 + 4 * 5 * 5 + 2 * (2 * 3 * 5 * 4));
}
