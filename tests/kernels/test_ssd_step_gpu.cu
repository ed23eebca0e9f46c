#include "kernels/ssd_step.hpp"

#include "tests/kernels/mamba1_gpu.cuh"
#include "tests/kernels/ssd_step_case.hpp"

using namespace mamba1_gpu;

namespace {

/// What the fused form does not take is convolved into rounded rows first: x, B, C and the output
/// are rounded.
double out_tolerance(DType dtype) {
  return dtype == DType::f32 ? 1e-5 : dtype == DType::f16 ? 1.2e-3 : 4e-3;
}

void check(const DecodeShape& shape, bool graph = false) {
  DecodeCase test(shape);
  const auto expected = test.expected();
  Placed place;
  const SsdStepArgs args = test.args(std::ref(place), on_gpu());
  if (graph)
    through_graph([&](void* stream) { ssd_step(args, on_gpu(stream)); });
  else
    ssd_step(args, on_gpu());
  place.fetch(test.out.array);
  place.fetch(test.ssm_state);
  place.fetch(test.conv_state);
  INFO("dtype " << name_of(shape.dtype) << " state " << name_of(shape.state_dtype) << " H "
                << shape.heads << " P " << shape.head_dim << " N " << shape.state << " K "
                << shape.width << " G " << shape.groups << " gap " << shape.gap);
  CHECK(error_of(expected.out, test.out) <= out_tolerance(shape.dtype));
  CHECK(error_of(expected.state, test.ssm_state) <=
        std::max(tolerance(test.ssm_state), out_tolerance(shape.dtype)));
  if (shape.width > 1) CHECK(error_of(expected.conv_state, test.conv_state) == 0.0);
  CHECK(test.out.gaps_untouched());
}

}  // namespace

TEST_CASE("a whole Mamba-2 decode step on the GPU equals fp64") {
  if (!has_device()) return;
  for (const DType dtype : {DType::f32, DType::f16, DType::bf16}) {
    for (const DType stored : {DType::f32, dtype}) {
      for (const std::int64_t state : {1, 12, 16, 38, 64, 115, 128, 256})
        for (const std::int64_t groups : {1, 2, 4})
          check({.dtype = dtype,
                 .state_dtype = stored,
                 .heads = 8,
                 .groups = groups,
                 .state = state,
                 .gap = 8});
      for (const std::int64_t head_dim : {4, 5, 20, 64, 128, 256})
        check({.dtype = dtype, .state_dtype = stored, .batch = 3, .head_dim = head_dim});
    }
    for (const std::int64_t width : {1, 2, 3, 5, 16})
      check({.dtype = dtype, .batch = 16, .heads = 8, .width = width});
    for (const std::int64_t gap : {1, 3}) check({.dtype = dtype, .gap = gap});
    check({.dtype = dtype, .gate = false, .d = false, .bias = false, .conv_bias = false});
    check({.dtype = dtype, .dt_max = 0.1F}, true);
  }
  check({.dtype = DType::bf16, .batch = 9, .heads = 80, .head_dim = 64, .state = 128}, true);
}

TEST_CASE("consecutive GPU decode steps do not disturb each other") {
  if (!has_device()) return;
  // The heads of a group read the convolution's state that one of them shifts; launches overlap.
  DecodeShape shape{.dtype = DType::bf16, .batch = 3, .heads = 64, .head_dim = 64, .state = 128};
  constexpr int kSteps = 40;
  std::vector<std::vector<unsigned char>> results;
  for (int run = 0; run < 2; ++run) {
    DecodeCase test(shape);
    Placed place;
    const SsdStepArgs args = test.args(std::ref(place), on_gpu());
    const auto steps = [&](void* stream, int count) {
      for (int i = 0; i < count; ++i) ssd_step(args, on_gpu(stream));
    };
    if (run == 0) {
      through_graph([&](void* stream) { steps(stream, kSteps); });
    } else {
      for (int i = 0; i < kSteps; ++i) {
        steps(nullptr, 1);
        cuda_ok(cudaDeviceSynchronize());
      }
    }
    place.fetch(test.ssm_state);
    place.fetch(test.out.array);
    place.fetch(test.conv_state);
    results.push_back(test.ssm_state.bytes);
    results.push_back(test.out.array.bytes);
    results.push_back(test.conv_state.bytes);
  }
  CHECK(results[0] == results[3]);
  CHECK(results[1] == results[4]);
  CHECK(results[2] == results[5]);
}
