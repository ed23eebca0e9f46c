#include "kernels/selective_scan.hpp"

#include "tests/kernels/run_cpu.hpp"

using namespace ssmprof::kernels;
using namespace ssmprof::kernels::cases;

namespace {

/// Runs the case on the CPU and compares output, final state and gaps with the reference.
void check_against_reference(const ScanShape& shape, int threads = 1) {
  ScanCase test(shape);
  const SelectiveScanArgs args = test.args(host_place);
  const reference::Result expected = reference::selective_scan(args);
  selective_scan(args, on_cpu(threads));
  INFO("dtype " << name_of(shape.dtype) << " L " << shape.length << " C " << shape.channels << " N "
                << shape.state << " isa " << cpu::name_of(cpu::inner_loops().isa));
  CHECK(error_of(expected.out, test.out) <= rounding_tolerance(shape.dtype));
  CHECK(test.out.gaps_untouched());
  if (shape.final) CHECK(error_of(expected.state, test.final_state) <= 1e-5);
}

}  // namespace

TEST_CASE("scan equals the fp64 reference at every length") {
  for (const auto isa : supported_isas()) {
    const WithIsa with(isa);
    for (const std::int64_t length : {1, 2, 63, 64, 65, 127, 300}) {
      check_against_reference({.length = length, .channels = 37, .state = 16});
    }
  }
  check_against_reference({.length = 2048, .channels = 24, .state = 16}, 2);
}

TEST_CASE("scan equals the fp64 reference at every state size") {
  for (const auto isa : supported_isas()) {
    const WithIsa with(isa);
    for (const std::int64_t state : {1, 2, 3, 12, 16, 38, 64, 115, 128, 256}) {
      check_against_reference({.length = 70, .channels = 19, .state = state, .initial = true});
    }
  }
}

TEST_CASE("scan reads and writes fp16 and bf16") {
  for (const auto isa : supported_isas()) {
    const WithIsa with(isa);
    for (const DType dtype : {DType::f16, DType::bf16}) {
      check_against_reference({.dtype = dtype,
                               .batch = 2,
                               .length = 129,
                               .channels = 40,
                               .state = 16,
                               .initial = true,
                               .gap = 5});
      check_against_reference({.dtype = dtype, .length = 30, .channels = 7, .state = 12});
    }
  }
}

TEST_CASE("scan without gate, skip, bias, softplus or states") {
  ScanShape shape{.batch = 3, .length = 90, .channels = 70, .state = 16, .gap = 3};
  SECTION("gate") {
    shape.gate = false;
  }
  SECTION("skip") {
    shape.d = false;
  }
  SECTION("bias") {
    shape.bias = false;
  }
  SECTION("softplus") {
    shape.softplus = false;
  }
  SECTION("final state") {
    shape.final = false;
  }
  SECTION("all") {
    shape.gate = shape.d = shape.bias = shape.softplus = shape.final = false;
  }
  check_against_reference(shape);
}

TEST_CASE("scan over variable-length sequences equals separate runs") {
  const std::vector<std::int64_t> starts = {0, 1, 65, 65, 192, 230};
  const std::int64_t channels = 33, state = 16;
  ScanShape shape{.length = 230, .channels = channels, .state = state, .initial = true, .gap = 2};
  shape.starts = starts;
  check_against_reference(shape);
  ScanCase together(shape);
  selective_scan(together.args(host_place), on_cpu());
  ScanCase apart(shape);
  SelectiveScanArgs one = apart.args(host_place);
  const SelectiveScanArgs all = one;
  one.sequences = {};
  for (std::size_t i = 0; i + 1 < starts.size(); ++i) {
    const auto from = [&](const ConstRows& rows) {
      return ConstRows{static_cast<const float*>(rows.data) + starts[i] * rows.row_stride,
                       rows.batch_stride, rows.row_stride};
    };
    one.length = starts[i + 1] - starts[i];
    const auto states_at = static_cast<std::int64_t>(i) * channels * state;
    if (one.length == 0) {  // an empty sequence keeps its state
      for (std::int64_t k = 0; k < channels * state; ++k) {
        apart.final_state.set(states_at + k, apart.initial_state.get(states_at + k));
      }
      continue;
    }
    one.u = from(all.u);
    one.delta = from(all.delta);
    one.b = from(all.b);
    one.c = from(all.c);
    one.z = from(all.z);
    one.out.data = static_cast<float*>(all.out.data) + starts[i] * all.out.row_stride;
    one.initial_state = all.initial_state + states_at;
    one.final_state = all.final_state + states_at;
    selective_scan(one, on_cpu());
  }
  CHECK(together.out.array.bytes == apart.out.array.bytes);
  CHECK(together.final_state.bytes == apart.final_state.bytes);
}

TEST_CASE("scan continues in place: two halves equal the whole") {
  const ScanShape shape{.batch = 2, .length = 100, .channels = 20, .state = 16, .initial = true};
  ScanCase whole(shape), halves(shape);
  selective_scan(whole.args(host_place), on_cpu());
  SelectiveScanArgs args = halves.args(host_place);
  args.final_state = static_cast<float*>(halves.initial_state.data());  // aliasing
  const auto advance = [](const ConstRows& rows) {
    return ConstRows{static_cast<const float*>(rows.data) + 37 * rows.row_stride, rows.batch_stride,
                     rows.row_stride};
  };
  args.length = 37;
  selective_scan(args, on_cpu());
  args.length = 63;
  args.u = advance(args.u);
  args.delta = advance(args.delta);
  args.b = advance(args.b);
  args.c = advance(args.c);
  args.z = advance(args.z);
  args.out.data = static_cast<float*>(args.out.data) + 37 * args.out.row_stride;
  selective_scan(args, on_cpu());
  CHECK(whole.out.array.bytes == halves.out.array.bytes);
  CHECK(whole.final_state.bytes == halves.initial_state.bytes);
}

TEST_CASE("scan is bit-equal run to run and for any number of threads") {
  const ScanShape shape{.batch = 2, .length = 200, .channels = 150, .state = 16};
  ScanCase first(shape);
  selective_scan(first.args(host_place), on_cpu(1));
  for (const int threads : {1, 2, 3, 0}) {
    ScanCase again(shape);
    selective_scan(again.args(host_place), on_cpu(threads));
    CHECK(first.out.array.bytes == again.out.array.bytes);
    CHECK(first.final_state.bytes == again.final_state.bytes);
  }
}

TEST_CASE("scan holds over a very long sequence") {
  check_against_reference({.length = 131072, .channels = 3, .state = 2});
}

TEST_CASE("scan refuses bad arguments by name") {
  ScanCase test({.batch = 2, .length = 4, .channels = 5, .state = 3});
  SelectiveScanArgs args = test.args(host_place);
  const auto message = [&] {
    try {
      selective_scan(args, on_cpu());
    } catch (const std::invalid_argument& e) {
      return std::string(e.what());
    }
    return std::string("accepted");
  };
  const std::int64_t bad_starts[] = {0, 3, 2};
  std::string_view name;
  SECTION("batch") {
    args.batch = 0, name = "batch";
  }
  SECTION("length") {
    args.length = 0, name = "length";
  }
  SECTION("channels") {
    args.channels = -1, name = "channels";
  }
  SECTION("state 0") {
    args.state = 0, name = "state";
  }
  SECTION("state 257") {
    args.state = 257, name = "state";
  }
  SECTION("u") {
    args.u = {}, name = "u";
  }
  SECTION("delta") {
    args.delta.row_stride = 4, name = "delta";
  }
  SECTION("b") {
    args.b = {}, name = "b";
  }
  SECTION("c") {
    args.c.batch_stride = 1, name = "c";
  }
  SECTION("out") {
    args.out = {}, name = "out";
  }
  SECTION("a") {
    args.a = nullptr, name = "a";
  }
  SECTION("sequences with a batch") {
    args.sequences = {bad_starts, 2}, name = "batch";
  }
  SECTION("starts") {
    args.batch = 1;
    args.sequences = {bad_starts, 2};
    name = "sequences.starts";
  }
  CHECK(message().rfind("selective_scan: " + std::string(name) + " ", 0) == 0);
}

TEST_CASE("scan costs are the stated formulas") {
  // T = 6 tokens, C = 5, N = 3, fp32, gate, initial and final state.
  ScanCase test({.batch = 2, .length = 3, .channels = 5, .state = 3, .initial = true});
  const Cost cost = cost_of(test.args(host_place));
  CHECK(cost.flops == 6 * 6 * 15 + 4 * 30 + 2 * 30);  // 720
  CHECK(cost.flops == 720);
  CHECK(cost.transcendentals == 30 * 7);
  CHECK(cost.bytes() == 4 * 6 * (15 + 6 + 5) + 4 * 15 + 2 * 2 * 15 * 4);
  CHECK(cost.bytes_written == 4 * 30 + 2 * 15 * 4);
  ScanCase plain({.dtype = DType::bf16,
                  .batch = 2,
                  .length = 3,
                  .channels = 5,
                  .state = 3,
                  .gate = false,
                  .final = false});
  const Cost bare = cost_of(plain.args(host_place));
  CHECK(bare.flops == 660);
  CHECK(bare.transcendentals == 150);
  CHECK(bare.bytes() == 2 * 6 * (15 + 6) + 60);
  CHECK(selective_scan_workspace(test.args(host_place), on_cpu()) == 0);
}
