#include "kernels/selective_scan.hpp"
#include "kernels/ssd.hpp"

#include "tests/kernels/run_cpu.hpp"
#include "tests/kernels/step_cases.hpp"

using namespace ssmprof::kernels;
using namespace ssmprof::kernels::cases;

namespace {

void check_scan_step(const ScanStepShape& shape, int threads = 1) {
  ScanStepCase test(shape);
  const SelectiveStateUpdateArgs args = test.args(host_place);
  const reference::Result expected = reference::selective_state_update(args);
  selective_state_update(args, on_cpu(threads));
  INFO("dtype " << name_of(shape.dtype) << " C " << shape.channels << " N " << shape.state
                << " isa " << cpu::name_of(cpu::inner_loops().isa));
  CHECK(error_of(expected.out, test.out) <= rounding_tolerance(shape.dtype));
  CHECK(error_of(expected.state, test.ssm_state) <= rounding_tolerance(shape.state_dtype));
  CHECK(test.out.gaps_untouched());
}

void check_ssd_step(const SsdStepShape& shape, int threads = 1) {
  SsdStepCase test(shape);
  const SsdStateUpdateArgs args = test.args(host_place);
  const reference::Result expected = reference::ssd_state_update(args);
  ssd_state_update(args, on_cpu(threads));
  INFO("dtype " << name_of(shape.dtype) << " H " << shape.heads << " P " << shape.head_dim << " N "
                << shape.state << " isa " << cpu::name_of(cpu::inner_loops().isa));
  CHECK(error_of(expected.out, test.out) <= rounding_tolerance(shape.dtype));
  CHECK(error_of(expected.state, test.ssm_state) <= rounding_tolerance(shape.state_dtype));
  CHECK(test.out.gaps_untouched());
}

}  // namespace

TEST_CASE("state updates equal the fp64 reference at every state size") {
  for (const auto isa : supported_isas()) {
    const WithIsa with(isa);
    for (const std::int64_t state : {1, 2, 12, 16, 38, 64, 115, 128, 256}) {
      check_scan_step({.batch = 2, .channels = 70, .state = state, .gap = 3});
      check_ssd_step(
          {.batch = 2, .heads = 6, .head_dim = 20, .groups = 2, .state = state, .gap = 3});
    }
    for (const std::int64_t dim : {1, 7, 32, 64, 128}) {
      check_ssd_step({.heads = 2, .head_dim = dim, .state = 16, .gate = true});
    }
    for (const std::int64_t groups : {1, 2, 8}) {
      check_ssd_step({.batch = 3, .heads = 8, .head_dim = 16, .groups = groups, .state = 24});
    }
  }
  check_scan_step({.batch = 8, .channels = 2000, .state = 16}, 2);
  check_ssd_step({.batch = 4, .heads = 24, .head_dim = 64, .state = 128}, 2);
}

TEST_CASE("state updates in every element type") {
  for (const auto isa : supported_isas()) {
    const WithIsa with(isa);
    for (const DType dtype : {DType::f32, DType::f16, DType::bf16}) {
      for (const DType state : {DType::f32, DType::f16, DType::bf16}) {
        check_scan_step({.dtype = dtype,
                         .state_dtype = state,
                         .batch = 2,
                         .channels = 130,
                         .state = 16,
                         .gap = 1});
        check_ssd_step({.dtype = dtype,
                        .state_dtype = state,
                        .batch = 2,
                        .heads = 4,
                        .head_dim = 48,
                        .state = 40,
                        .gap = 1});
      }
    }
  }
}

TEST_CASE("state update options") {
  check_scan_step({.channels = 50, .gate = false, .d = false, .bias = false});
  check_scan_step({.channels = 50, .softplus = false});
  check_ssd_step({.heads = 3, .d = false, .bias = false});
  check_ssd_step({.heads = 3, .softplus = false});
  check_ssd_step({.heads = 50, .head_dim = 8, .state = 16, .dt_min = 0.05F, .dt_max = 0.2F});
}

TEST_CASE("scan steps after a prefill equal one scan") {
  const ScanShape shape{.batch = 2, .length = 40, .channels = 50, .state = 16};
  ScanCase test(shape);
  SelectiveScanArgs args = test.args(host_place);
  const reference::Result expected = reference::selective_scan(args);
  args.length = 25;
  selective_scan(args, on_cpu());
  const auto row = [](const ConstRows& rows, std::int64_t t) {
    return ConstRows{static_cast<const float*>(rows.data) + t * rows.row_stride, rows.batch_stride,
                     0};
  };
  for (std::int64_t t = 25; t < 40; ++t) {
    SelectiveStateUpdateArgs step;
    step.batch = 2;
    step.channels = 50;
    step.state = 16;
    step.u = row(args.u, t);
    step.delta = row(args.delta, t);
    step.b = row(args.b, t);
    step.c = row(args.c, t);
    step.z = row(args.z, t);
    step.a = args.a;
    step.d = args.d;
    step.delta_bias = args.delta_bias;
    step.ssm_state = args.final_state;
    step.out = {static_cast<float*>(args.out.data) + t * args.out.row_stride, args.out.batch_stride,
                0};
    selective_state_update(step, on_cpu());
  }
  CHECK(error_of(expected.out, test.out) <= 1e-5);
  CHECK(error_of(expected.state, test.final_state) <= 1e-5);
}

TEST_CASE("SSD steps after a prefill equal one SSD") {
  const SsdShape shape{.batch = 2,
                       .length = 90,
                       .heads = 4,
                       .head_dim = 32,
                       .groups = 2,
                       .state = 24,
                       .gate = true,
                       .dt_min = 0.01F,
                       .dt_max = 1.5F};
  SsdCase test(shape);
  SsdArgs args = test.args(host_place);
  const reference::Result expected = reference::ssd(args);
  args.length = 70;
  ssd(args, on_cpu());
  const auto row = [](const ConstRows& rows, std::int64_t t) {
    return ConstRows{static_cast<const float*>(rows.data) + t * rows.row_stride, rows.batch_stride,
                     0};
  };
  for (std::int64_t t = 70; t < 90; ++t) {
    SsdStateUpdateArgs step;
    step.batch = 2;
    step.heads = 4;
    step.head_dim = 32;
    step.groups = 2;
    step.state = 24;
    step.x = row(args.x, t);
    step.b = row(args.b, t);
    step.c = row(args.c, t);
    step.dt = row(args.dt, t);
    step.z = row(args.z, t);
    step.a = args.a;
    step.d = args.d;
    step.dt_bias = args.dt_bias;
    step.dt_min = args.dt_min;
    step.dt_max = args.dt_max;
    step.ssm_state = args.final_state;
    step.out = {static_cast<float*>(args.out.data) + t * args.out.row_stride, args.out.batch_stride,
                0};
    ssd_state_update(step, on_cpu());
  }
  CHECK(error_of(expected.out, test.out) <= 1e-5);
  CHECK(error_of(expected.state, test.final_state) <= 1e-5);
}

TEST_CASE("state updates are bit-equal for any number of threads") {
  const ScanStepShape scan{.batch = 8, .channels = 2000, .state = 16};
  const SsdStepShape heads{.batch = 8, .heads = 16, .head_dim = 64, .state = 128};
  ScanStepCase first(scan);
  SsdStepCase second(heads);
  selective_state_update(first.args(host_place), on_cpu(1));
  ssd_state_update(second.args(host_place), on_cpu(1));
  for (const int threads : {1, 2, 3, 0}) {
    ScanStepCase a(scan);
    SsdStepCase b(heads);
    selective_state_update(a.args(host_place), on_cpu(threads));
    ssd_state_update(b.args(host_place), on_cpu(threads));
    CHECK(a.out.array.bytes == first.out.array.bytes);
    CHECK(a.ssm_state.bytes == first.ssm_state.bytes);
    CHECK(b.out.array.bytes == second.out.array.bytes);
    CHECK(b.ssm_state.bytes == second.ssm_state.bytes);
  }
}

TEST_CASE("state updates refuse bad arguments by name") {
  ScanStepCase scan({.batch = 2, .channels = 5, .state = 3});
  SsdStepCase heads({.batch = 2, .heads = 4, .head_dim = 5, .groups = 2, .state = 3});
  SelectiveStateUpdateArgs a = scan.args(host_place);
  SsdStateUpdateArgs b = heads.args(host_place);
  std::string start;
  SECTION("batch") {
    a.batch = 0, start = "selective_state_update: batch ";
  }
  SECTION("state") {
    a.state = 300, start = "selective_state_update: state ";
  }
  SECTION("u") {
    a.u.batch_stride = 1, start = "selective_state_update: u ";
  }
  SECTION("memory") {
    a.ssm_state = nullptr, start = "selective_state_update: ssm_state ";
  }
  SECTION("groups") {
    b.groups = 3, start = "ssd_state_update: groups ";
  }
  SECTION("dt") {
    b.dt = {}, start = "ssd_state_update: dt ";
  }
  SECTION("states") {
    b.ssm_state = nullptr, start = "ssd_state_update: ssm_state ";
  }
  try {
    selective_state_update(a, on_cpu());
    ssd_state_update(b, on_cpu());
    FAIL("accepted");
  } catch (const std::invalid_argument& e) {
    CHECK(std::string(e.what()).rfind(start, 0) == 0);
  }
}

TEST_CASE("state update costs are counted by hand") {
  // Two sequences, C = 5, N = 3, bf16 states.
  ScanStepCase scan({.state_dtype = DType::bf16, .batch = 2, .channels = 5, .state = 3});
  const Cost a = cost_of(scan.args(host_place));
  CHECK(a.flops == 6 * 30 + 4 * 10 + 2 * 10);
  CHECK(a.transcendentals == 10 * 7);
  CHECK(a.bytes() == 4 * 2 * (15 + 6 + 5) + 60 + 2 * (30 * 2));
  // Two sequences, H = 4, P = 5, G = 2, N = 3.
  SsdStepCase heads({.batch = 2, .heads = 4, .head_dim = 5, .groups = 2, .state = 3});
  const Cost b = cost_of(heads.args(host_place));
  CHECK(b.flops == 5 * 120 + 2 * 40);
  CHECK(b.bytes() == 4 * 2 * (40 + 12 + 4) + 2 * (120 * 4));
}
