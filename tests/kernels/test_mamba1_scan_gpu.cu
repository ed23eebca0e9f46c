#include "tests/kernels/mamba1_gpu.cuh"

using namespace mamba1_gpu;

namespace {

/// Output, final state and gaps against the fp64 reference.
void check_scan(const ScanShape& shape, bool graph = false) {
  ScanCase test(shape);
  const reference::Result expected = reference::selective_scan(test.args(host_place));
  scan_on_gpu(test, graph);
  INFO("dtype " << name_of(shape.dtype) << " B " << shape.batch << " L " << shape.length << " C "
                << shape.channels << " N " << shape.state << " gap " << shape.gap);
  CHECK(error_of(expected.out, test.out) <= tolerance(test.out.array));
  CHECK(test.out.gaps_untouched());
  if (shape.final) CHECK(error_of(expected.state, test.final_state) <= 5e-5);
}

}  // namespace

TEST_CASE("the GPU scan equals fp64 at every length") {
  if (!has_device()) return;
  for (const DType dtype : {DType::f32, DType::f16, DType::bf16})
    for (const std::int64_t length : {1, 2, 31, 32, 33, 63, 64, 65, 127, 300, 2048, 4097})
      check_scan({.dtype = dtype, .length = length, .channels = 48, .initial = true});
}

TEST_CASE("the GPU scan equals fp64 at a great length", "[large]") {
  if (!has_device()) return;
  for (const DType dtype : {DType::f32, DType::bf16})
    check_scan({.dtype = dtype, .length = 131072, .channels = 8, .initial = true});
}

TEST_CASE("the GPU scan equals fp64 at every state size") {
  if (!has_device()) return;
  for (const DType dtype : {DType::f32, DType::f16, DType::bf16})
    for (const std::int64_t state : {1, 2, 3, 4, 8, 12, 16, 24, 32, 38, 48, 64, 115, 128, 256})
      check_scan({.dtype = dtype, .length = 130, .channels = 40, .state = state, .initial = true});
}

TEST_CASE("the GPU scan takes any channel count and stride") {
  if (!has_device()) return;
  for (const DType dtype : {DType::f32, DType::bf16}) {
    for (const std::int64_t channels : {1, 2, 4, 7, 20, 33, 100})
      check_scan({.dtype = dtype, .batch = 3, .length = 70, .channels = channels, .initial = true});
    for (const std::int64_t gap : {1, 4, 8})
      check_scan({.dtype = dtype, .batch = 2, .length = 70, .channels = 64, .gap = gap});
  }
}

TEST_CASE("the GPU scan with many channels equals fp64", "[large]") {
  if (!has_device()) return;
  check_scan({.dtype = DType::bf16, .batch = 2, .length = 70, .channels = 2560, .initial = true});
  check_scan({.dtype = DType::f16, .batch = 4, .length = 40, .channels = 2080, .initial = true});
}

TEST_CASE("the GPU scan without gate, skip, bias, softplus or states") {
  if (!has_device()) return;
  for (const DType dtype : {DType::f32, DType::bf16}) {
    ScanShape shape{.dtype = dtype, .batch = 2, .length = 90, .channels = 64};
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
    check_scan(shape);
  }
}

TEST_CASE("the GPU scan over sequences of different lengths equals fp64") {
  if (!has_device()) return;
  for (const DType dtype : {DType::f32, DType::bf16}) {
    ScanShape shape{.dtype = dtype, .length = 230, .channels = 48, .initial = true};
    shape.starts = {0, 1, 65, 65, 192, 230};
    check_scan(shape);
  }
}

TEST_CASE("the GPU scan in a graph equals fp64, and twice is bit-equal") {
  if (!has_device()) return;
  for (const DType dtype : {DType::f32, DType::bf16}) {
    const ScanShape shape{
        .dtype = dtype, .batch = 2, .length = 777, .channels = 96, .initial = true};
    check_scan(shape, true);
    ScanCase first(shape), second(shape);
    scan_on_gpu(first);
    scan_on_gpu(second, true);
    CHECK(first.out.array.bytes == second.out.array.bytes);
    CHECK(first.final_state.bytes == second.final_state.bytes);
  }
}

TEST_CASE("a GPU scan in two parts equals one scan") {
  if (!has_device()) return;
  const std::int64_t length = 96, cut = 50, channels = 64, state = 16;
  for (const DType dtype : {DType::f32, DType::bf16}) {
    ScanCase whole({.dtype = dtype, .length = length, .channels = channels});
    scan_on_gpu(whole);
    ScanCase parts({.dtype = dtype, .length = length, .channels = channels});
    Placed place;
    SelectiveScanArgs args = parts.args(std::ref(place));
    const auto skip_rows = [&](ConstRows& r) {
      r.data = static_cast<const char*>(r.data) +
               cut * r.row_stride * static_cast<std::int64_t>(size_of(dtype));
    };
    args.length = cut;
    selective_scan(args, on_gpu());
    for (ConstRows* r : {&args.u, &args.delta, &args.b, &args.c, &args.z}) skip_rows(*r);
    args.out.data = static_cast<char*>(args.out.data) +
                    cut * args.out.row_stride * static_cast<std::int64_t>(size_of(dtype));
    args.length = length - cut;
    args.initial_state = args.final_state;  // in place
    selective_scan(args, on_gpu());
    place.fetch(parts.out.array);
    place.fetch(parts.final_state);
    CHECK(parts.out.array.bytes == whole.out.array.bytes);
    for (std::int64_t i = 0; i < channels * state; ++i)
      REQUIRE(parts.final_state.get(i) == whole.final_state.get(i));
  }
}
