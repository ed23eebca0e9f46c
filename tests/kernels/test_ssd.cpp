#include "kernels/ssd.hpp"

#include "tests/kernels/run_cpu.hpp"

using namespace ssmprof::kernels;
using namespace ssmprof::kernels::cases;

namespace {

void check_against_reference(const SsdShape& shape, int threads = 1) {
  SsdCase test(shape);
  const SsdArgs args = test.args(host_place);
  reference::Result expected = reference::ssd(args);
  std::vector<double> squares;
  if (shape.norm) squares = reference::weigh(args, expected.out);
  ssd(args, on_cpu(threads));
  INFO("dtype " << name_of(shape.dtype) << " L " << shape.length << " H " << shape.heads << " P "
                << shape.head_dim << " G " << shape.groups << " N " << shape.state << " Q "
                << shape.chunk << " isa " << cpu::name_of(cpu::inner_loops().isa));
  CHECK(error_of(expected.out, test.out) <= rounding_tolerance(shape.dtype));
  CHECK(test.out.gaps_untouched());
  if (shape.final) CHECK(error_of(expected.state, test.final_state) <= 1e-5);
  if (shape.norm) CHECK(error_of(squares, test.squares) <= 1e-5);
}

}  // namespace

TEST_CASE("SSD equals the fp64 recurrence at every length") {
  for (const auto isa : supported_isas()) {
    const WithIsa with(isa);
    for (const std::int64_t length : {1, 2, 63, 64, 65, 127, 300}) {
      check_against_reference({.length = length, .heads = 3, .head_dim = 32, .state = 24});
    }
  }
  check_against_reference({.length = 2048, .heads = 2, .head_dim = 16, .state = 16}, 2);
}

TEST_CASE("SSD equals the fp64 recurrence at every state size") {
  for (const auto isa : supported_isas()) {
    const WithIsa with(isa);
    for (const std::int64_t state : {1, 2, 12, 16, 38, 64, 115, 128, 256}) {
      check_against_reference(
          {.length = 70, .heads = 2, .head_dim = 20, .state = state, .initial = true});
    }
  }
}

TEST_CASE("SSD at every head dimension and group count") {
  for (const auto isa : supported_isas()) {
    const WithIsa with(isa);
    for (const std::int64_t dim : {1, 7, 32, 64, 128}) {
      check_against_reference({.length = 80, .heads = 2, .head_dim = dim, .state = 16});
    }
    for (const std::int64_t groups : {1, 2, 8}) {
      check_against_reference({.batch = 2,
                               .length = 67,
                               .heads = 8,
                               .head_dim = 16,
                               .groups = groups,
                               .state = 20,
                               .gap = 3});
    }
  }
}

TEST_CASE("SSD at every chunk length") {
  for (const auto isa : supported_isas()) {
    const WithIsa with(isa);
    for (const std::int64_t chunk : {1, 5, 16, 17, 64, 100, 256, 1000}) {
      check_against_reference({.length = 213,
                               .heads = 2,
                               .head_dim = 16,
                               .state = 16,
                               .chunk = chunk,
                               .initial = true});
    }
  }
}

TEST_CASE("SSD reads and writes fp16 and bf16") {
  for (const auto isa : supported_isas()) {
    const WithIsa with(isa);
    for (const DType dtype : {DType::f16, DType::bf16}) {
      check_against_reference({.dtype = dtype,
                               .batch = 2,
                               .length = 129,
                               .heads = 4,
                               .head_dim = 32,
                               .groups = 2,
                               .state = 32,
                               .initial = true,
                               .gap = 5});
    }
  }
}

TEST_CASE("SSD options") {
  SsdShape shape{.batch = 2, .length = 90, .heads = 4, .head_dim = 24, .state = 16, .gap = 3};
  SECTION("gate") {
    shape.gate = true;
  }
  SECTION("no skip") {
    shape.d = false;
  }
  SECTION("no bias") {
    shape.bias = false;
  }
  SECTION("no softplus") {
    shape.softplus = false;
  }
  SECTION("time step limits") {
    shape.dt_min = 0.05F, shape.dt_max = 0.2F;
  }
  SECTION("no final state") {
    shape.final = false;
  }
  check_against_reference(shape);
}

TEST_CASE("SSD weighs for a norm and leaves its sums of squares") {
  for (const auto isa : supported_isas()) {
    const WithIsa with(isa);
    for (const std::int64_t dim : {5, 64, 65, 100, 128}) {
      for (const DType dtype : {DType::f32, DType::bf16}) {
        check_against_reference({.dtype = dtype,
                                 .batch = 2,
                                 .length = 97,
                                 .heads = 6,
                                 .head_dim = dim,
                                 .groups = 2,
                                 .state = 20,
                                 .gate = true,
                                 .initial = true,
                                 .norm = true,
                                 .gap = 3});
      }
    }
  }
  SsdShape packed{.length = 230, .heads = 2, .head_dim = 70, .state = 20, .gate = true};
  packed.norm = true;
  packed.starts = {0, 1, 65, 65, 192, 230};
  check_against_reference(packed, 2);
}

TEST_CASE("SSD over variable-length sequences equals separate runs") {
  const std::vector<std::int64_t> starts = {0, 1, 65, 65, 192, 230};
  SsdShape shape{.length = 230, .heads = 2, .head_dim = 24, .state = 20, .initial = true, .gap = 2};
  shape.starts = starts;
  check_against_reference(shape);
  SsdCase together(shape), apart(shape);
  ssd(together.args(host_place), on_cpu());
  SsdArgs one = apart.args(host_place);
  const SsdArgs all = one;
  one.sequences = {};
  one.chunk = 64;
  for (std::size_t i = 0; i + 1 < starts.size(); ++i) {
    const auto from = [&](const ConstRows& rows) {
      return ConstRows{static_cast<const float*>(rows.data) + starts[i] * rows.row_stride,
                       rows.batch_stride, rows.row_stride};
    };
    one.length = starts[i + 1] - starts[i];
    const auto states_at = static_cast<std::int64_t>(i) * 2 * 24 * 20;
    if (one.length == 0) {
      for (std::int64_t k = 0; k < 2 * 24 * 20; ++k) {
        apart.final_state.set(states_at + k, apart.initial_state.get(states_at + k));
      }
      continue;
    }
    one.x = from(all.x);
    one.b = from(all.b);
    one.c = from(all.c);
    one.dt = from(all.dt);
    one.out.data = static_cast<float*>(all.out.data) + starts[i] * all.out.row_stride;
    one.initial_state = all.initial_state + states_at;
    one.final_state = all.final_state + states_at;
    ssd(one, on_cpu());
  }
  CHECK(together.out.array.bytes == apart.out.array.bytes);
  CHECK(together.final_state.bytes == apart.final_state.bytes);
}

TEST_CASE("SSD is bit-equal run to run and for any number of threads") {
  const SsdShape shape{.batch = 2,
                       .length = 200,
                       .heads = 8,
                       .head_dim = 32,
                       .groups = 2,
                       .state = 32,
                       .initial = true};
  SsdCase first(shape);
  ssd(first.args(host_place), on_cpu(1));
  for (const int threads : {1, 2, 3, 0}) {
    SsdCase again(shape);
    SsdArgs args = again.args(host_place);
    args.final_state = static_cast<float*>(again.initial_state.data());  // aliasing
    ssd(args, on_cpu(threads));
    CHECK(first.out.array.bytes == again.out.array.bytes);
    CHECK(first.final_state.bytes == again.initial_state.bytes);
  }
}

TEST_CASE("SSD holds over a very long sequence") {
  check_against_reference({.length = 131072, .heads = 1, .head_dim = 4, .state = 4});
}

TEST_CASE("SSD keeps decays precise after a huge one") {
  // Δ·A reaches -20000 in one row; the rows behind it must see exact differences.
  SsdCase test(
      {.length = 64, .heads = 1, .head_dim = 8, .state = 8, .bias = false, .softplus = false});
  test.dt.array.set(test.dt.index(0, 3, 0), 2000.0);
  test.a.set(0, -10.3);
  const SsdArgs args = test.args(host_place);
  const reference::Result expected = reference::ssd(args);
  ssd(args, on_cpu());
  // Row 3 itself dominates the norm: judge the rows after it.
  double error = 0.0, norm = 0.0;
  for (std::int64_t t = 40; t < 64; ++t) {
    for (std::int64_t c = 0; c < 8; ++c) {
      const double e = expected.out[static_cast<std::size_t>(t * 8 + c)];
      const double got = test.out.array.get(test.out.index(0, t, c));
      error += (got - e) * (got - e);
      norm += e * e;
    }
  }
  CHECK(std::sqrt(error / norm) <= 1e-5);
}

TEST_CASE("SSD refuses bad arguments by name") {
  SsdCase test({.batch = 2, .length = 4, .heads = 4, .head_dim = 5, .groups = 2, .state = 3});
  SsdArgs args = test.args(host_place);
  const auto message = [&] {
    try {
      ssd(args, on_cpu());
    } catch (const std::invalid_argument& e) {
      return std::string(e.what());
    }
    return std::string("accepted");
  };
  std::string_view name;
  SECTION("batch") {
    args.batch = 0, name = "batch";
  }
  SECTION("length") {
    args.length = 0, name = "length";
  }
  SECTION("heads") {
    args.heads = 0, name = "heads";
  }
  SECTION("head_dim") {
    args.head_dim = 0, name = "head_dim";
  }
  SECTION("groups") {
    args.groups = 3, name = "groups";
  }
  SECTION("state") {
    args.state = 257, name = "state";
  }
  SECTION("chunk") {
    args.chunk = -1, name = "chunk";
  }
  SECTION("x") {
    args.x = {}, name = "x";
  }
  SECTION("b") {
    args.b.row_stride = 1, name = "b";
  }
  SECTION("c") {
    args.c = {}, name = "c";
  }
  SECTION("dt") {
    args.dt = {}, name = "dt";
  }
  SECTION("out") {
    args.out = {}, name = "out";
  }
  SECTION("a") {
    args.a = nullptr, name = "a";
  }
  SECTION("squares") {
    args.z = args.x, args.norm_weight = args.x.data, name = "squares";
  }
  SECTION("norm_weight") {
    args.z = args.x, args.squares = args.final_state, name = "norm_weight";
  }
  SECTION("z") {
    args.norm_weight = args.x.data, args.squares = args.final_state, name = "z";
  }
  SECTION("dt_min") {
    args.dt_min = 2.0F, args.dt_max = 1.0F, name = "dt_min";
  }
  CHECK(message().rfind("ssd: " + std::string(name) + " ", 0) == 0);
}

TEST_CASE("SSD costs are the stated formulas") {
  // T = 20 in two batch entries, H = 4, P = 5 (Di = 20), G = 2, N = 3, Q = 4.
  SsdCase test({.batch = 2,
                .length = 10,
                .heads = 4,
                .head_dim = 5,
                .groups = 2,
                .state = 3,
                .chunk = 4,
                .initial = true});
  SsdArgs args = test.args(host_place);
  const Cost cost = cost_of(args);
  // 2·20·4·6 + 2·20·4·20 + 4·20·3·20 + 2·6·3·20 + 2·20·20
  CHECK(cost.flops == 960 + 3200 + 4800 + 720 + 800);
  CHECK(cost.bytes() == 4 * 20 * (40 + 12 + 4) + 2 * (2 * 20 * 3 * 4));
  CHECK(recurrent_cost_of(args).flops == 5 * 20 * 20 * 3);
  CHECK(ssd_chunk(args, on_cpu()) == 4);
  CHECK(ssd_workspace(args, on_cpu()) == 0);
  args.z = args.x;
  const Cost gated = cost_of(args);
  args.norm_weight = args.x.data;
  const Cost weighed = cost_of(args);
  CHECK(weighed.flops == gated.flops + 3 * 20 * 20);
  CHECK(weighed.transcendentals == gated.transcendentals);
  CHECK(weighed.bytes_read == gated.bytes_read + 4 * 20);
  CHECK(weighed.bytes_written == gated.bytes_written + 4 * 20 * 4);
  args.z = {}, args.norm_weight = nullptr;
  args.chunk = 0;
  CHECK_THROWS_AS(cost_of(args), std::invalid_argument);
  CHECK(recurrent_cost_of(args).flops == 5 * 20 * 20 * 3);
  CHECK(ssd_chunk(args, on_cpu()) == 10);
}
