#include "tests/catch.hpp"
#include "tests/kernels/fused_step_cases.hpp"
#include "tests/kernels/run_cpu.hpp"

using namespace ssmprof::kernels;
using namespace ssmprof::kernels::cases;

namespace {

void run_fused(FusedLinearCase& test) {
  linear(test.args(host_place), {});
}

}  // namespace

TEST_CASE("the CPU fused linear layers equal fp64") {
  for (const DType dtype : {DType::f32, DType::f16, DType::bf16})
    for (const std::int64_t rows : {1, 5}) {
      check_fused_linear({.dtype = dtype, .rows = rows, .inputs = 40, .outputs = 37, .parts = 3},
                         run_fused);
      check_fused_linear({.dtype = dtype,
                          .rows = rows,
                          .inputs = 40,
                          .outputs = 100,
                          .parts = 1,
                          .conv_first = 20,
                          .conv_channels = 52,
                          .bias = true},
                         run_fused);
      for (const DType stream : {DType::f32, dtype})
        check_fused_linear({.dtype = dtype,
                            .residual_dtype = stream,
                            .rows = rows,
                            .inputs = 40,
                            .outputs = 96,
                            .parts = 4,
                            .residual = true,
                            .bias = true},
                           run_fused);
    }
}

TEST_CASE("fused linear layers refuse what they cannot do") {
  FusedLinearCase test({.outputs = 96, .conv_channels = 32});
  LinearArgs a = test.args(host_place);
  a.conv.channels = 33;
  CHECK_THROWS_AS(linear(a, {}), std::invalid_argument);
  a.conv.channels = 32, a.conv.first = 68;
  CHECK_THROWS_AS(linear(a, {}), std::invalid_argument);
  a.conv.first = 0, a.residual.data = &a;
  CHECK_THROWS_AS(linear(a, {}), std::invalid_argument);
  FusedLinearCase ragged({.outputs = 96, .residual = true});
  a = ragged.args(host_place);
  a.outputs = 90;
  CHECK_THROWS_AS(linear(a, {}), std::invalid_argument);
}

TEST_CASE("a fused linear layer's cost is its formula") {
  LinearArgs a;
  a.dtype = DType::bf16;
  a.rows = 3, a.inputs = 5, a.outputs = 32;
  float one = 1;
  a.scale = {&one, 4, 5, 0.0F};
  const std::uint64_t product = 2 * 3 * 5 * 32, weights = 2 * (15 + 160);
  CHECK(cost_of(a) == Cost{product + 96, 3, weights + 48, 192});
  a.conv.channels = 8, a.conv.state = &one;
  // 4 taps of 8 channels, SiLU; weights and state in, state out, as many outputs as before.
  CHECK(cost_of(a) == Cost{product + 96 + 192, 3 + 48, weights + 48 + 2 * (32 + 72), 192 + 2 * 72});
  a.conv = {}, a.residual.data = &one;
  CHECK(cost_of(a) == Cost{product + 96 + 384, 3, weights + 48 + 384 + 64, 192 + 384 + 3 * 2 * 4});
}

TEST_CASE("the CPU step with dt_proj inside equals fp64") {
  for (const DType dtype : {DType::f32, DType::bf16})
    check_step_with_rank({.dtype = dtype, .batch = 3, .channels = 24, .state = 7}, 5,
                         dtype == DType::f32 ? 0.0 : 4e-3,
                         [](ScanStepCase& test, Array& weight, std::int64_t rank) {
                           SelectiveStateUpdateArgs args = test.args(host_place);
                           args.rank = rank, args.dt_weight = weight.data();
                           selective_state_update(args, {});
                         });
}

TEST_CASE("the CPU step of Mamba-2 with the norm's sums equals fp64") {
  for (const DType dtype : {DType::f32, DType::bf16})
    check_step_with_norm(
        {.dtype = dtype, .batch = 2, .heads = 3, .head_dim = 32, .state = 20, .gate = true},
        dtype == DType::f32 ? 1e-5 : 4e-3, [](SsdStepCase& test, Array& weight, Array& squares) {
          SsdStateUpdateArgs args = test.args(host_place);
          args.norm_weight = weight.data();
          args.squares = static_cast<float*>(squares.data());
          ssd_state_update(args, {});
        });
}

TEST_CASE("the CPU embedding starts a stream") {
  for (const DType dtype : {DType::f32, DType::f16, DType::bf16})
    for (const DType stream : {DType::f32, dtype}) {
      EmbedCase test(dtype, stream, 4, 48);
      embed(test.args(host_place, test.ids.data()), {});
      test.check();
    }
  EmbedCase ragged(DType::f32, DType::f32, 1, 40);
  CHECK_THROWS_AS(embed(ragged.args(host_place, ragged.ids.data()), {}), std::invalid_argument);
  CHECK(cost_of(EmbedArgs{.dtype = DType::bf16, .rows = 2, .channels = 32}) ==
        Cost{192, 0, 2 * (64 + 32) + 16, 64 * 6 + 16});
}
