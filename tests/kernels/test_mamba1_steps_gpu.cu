#include "kernels/causal_conv1d.hpp"
#include "kernels/gate.hpp"
#include "kernels/rms_norm.hpp"

#include "tests/kernels/mamba1_gpu.cuh"

using namespace mamba1_gpu;

namespace {

void check_conv(const ConvShape& shape, bool in_place = false) {
  ConvCase test(shape);
  CausalConv1dArgs args = test.args(host_place);
  const reference::Result expected = reference::causal_conv1d(args);
  Placed place;
  args = test.args(std::ref(place));
  if (in_place) {
    cuda_ok(cudaMemcpy(place(test.final_state), test.initial_state.data(),
                       test.initial_state.bytes.size(), cudaMemcpyHostToDevice));
    args.initial_state = args.final_state;
  }
  if (shape.length == 1 && in_place)
    causal_conv1d_update(args, on_gpu());
  else
    causal_conv1d(args, on_gpu());
  place.fetch(test.out.array);
  place.fetch(test.final_state);
  INFO("dtype " << name_of(shape.dtype) << " B " << shape.batch << " L " << shape.length << " C "
                << shape.channels << " K " << shape.width << " gap " << shape.gap);
  CHECK(error_of(expected.out, test.out) <= tolerance(test.out.array));
  CHECK(test.out.gaps_untouched());
  if (shape.final && shape.width > 1) CHECK(error_of(expected.state, test.final_state) == 0.0);
}

}  // namespace

TEST_CASE("the GPU conv equals fp64 at every length, width and alignment") {
  if (!has_device()) return;
  for (const DType dtype : {DType::f32, DType::f16, DType::bf16}) {
    for (const std::int64_t length : {1, 2, 3, 4, 7, 8, 9, 63, 127, 2048, 4097})
      for (const std::int64_t channels : {5, 64})
        check_conv({.dtype = dtype, .length = length, .channels = channels, .initial = true});
    for (const std::int64_t width : {1, 2, 3, 4, 5, 16})
      check_conv({.dtype = dtype,
                  .batch = 2,
                  .length = 40,
                  .channels = 24,
                  .width = width,
                  .initial = true});
    for (const std::int64_t gap : {1, 8})
      check_conv({.dtype = dtype, .batch = 3, .length = 50, .channels = 32, .gap = gap});
    check_conv({.dtype = dtype, .length = 50, .channels = 32, .bias = false, .silu = false});
    check_conv({.dtype = dtype, .batch = 2, .length = 2, .channels = 32, .initial = true});
    ConvShape sequences{.dtype = dtype, .length = 230, .channels = 48, .initial = true};
    sequences.starts = {0, 1, 65, 67, 192, 230};
    check_conv(sequences);
  }
}

TEST_CASE("the GPU conv updates its state in place") {
  if (!has_device()) return;
  for (const DType dtype : {DType::f32, DType::f16, DType::bf16}) {
    for (const std::int64_t width : {2, 4, 7})
      check_conv({.dtype = dtype,
                  .batch = 5,
                  .length = 1,
                  .channels = 36,
                  .width = width,
                  .initial = true},
                 true);
    check_conv({.dtype = dtype, .batch = 2, .length = 100, .channels = 40, .initial = true}, true);
  }
}

TEST_CASE("the GPU state update equals fp64") {
  if (!has_device()) return;
  for (const DType dtype : {DType::f32, DType::f16, DType::bf16}) {
    for (const DType stored : {DType::f32, dtype}) {
      for (const std::int64_t state : {1, 12, 16, 38, 64, 128, 256}) {
        ScanStepCase test(
            {.dtype = dtype, .state_dtype = stored, .batch = 5, .channels = 41, .state = state});
        const auto expected = reference::selective_state_update(test.args(host_place));
        Placed place;
        const auto args = test.args(std::ref(place));
        selective_state_update(args, on_gpu());
        place.fetch(test.out.array);
        place.fetch(test.ssm_state);
        INFO("dtype " << name_of(dtype) << " state " << name_of(stored) << " N " << state);
        CHECK(error_of(expected.out, test.out) <= tolerance(test.out.array));
        CHECK(error_of(expected.state, test.ssm_state) <= tolerance(test.ssm_state));
      }
    }
  }
  // Many sequences: the form that gives two to each thread, an odd number of them.
  ScanStepCase test({.dtype = DType::bf16, .batch = 133, .channels = 2048});
  const auto expected = reference::selective_state_update(test.args(host_place));
  Placed place;
  const auto args = test.args(std::ref(place));
  through_graph([&](void* stream) { selective_state_update(args, on_gpu(stream)); });
  place.fetch(test.out.array);
  place.fetch(test.ssm_state);
  CHECK(error_of(expected.out, test.out) <= tolerance(test.out.array));
  CHECK(error_of(expected.state, test.ssm_state) <= 1e-5);
}

TEST_CASE("GPU prefill then decode equals one prefill") {
  if (!has_device()) return;
  const std::int64_t length = 40, cut = 33, channels = 48;
  ScanCase whole({.length = length, .channels = channels});
  scan_on_gpu(whole);
  ScanCase split({.length = length, .channels = channels});
  Placed place;
  SelectiveScanArgs args = split.args(std::ref(place));
  const auto row = [&](const ConstRows& r, std::int64_t t) {
    return ConstRows{static_cast<const float*>(r.data) + t * r.row_stride, r.batch_stride,
                     r.row_stride};
  };
  args.length = cut;
  selective_scan(args, on_gpu());
  for (std::int64_t t = cut; t < length; ++t) {
    SelectiveStateUpdateArgs step;
    step.batch = 1;
    step.channels = channels;
    step.state = args.state;
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
                args.out.row_stride};
    selective_state_update(step, on_gpu());
  }
  place.fetch(split.out.array);
  place.fetch(split.final_state);
  for (std::int64_t t = 0; t < length; ++t)
    for (std::int64_t c = 0; c < channels; ++c) {
      const std::int64_t i = split.out.index(0, t, c);
      CHECK(split.out.array.get(i) == Approx(whole.out.array.get(i)).epsilon(1e-4).margin(1e-5));
    }
}

TEST_CASE("the GPU gate equals fp64") {
  if (!has_device()) return;
  for (const DType dtype : {DType::f32, DType::f16, DType::bf16})
    for (const std::int64_t channels : {7, 64})
      for (const std::int64_t gap : {0, 3, 8}) {
        GateCase test(dtype, 2, 37, channels, gap);
        const auto expected = reference::gate(test.args(host_place));
        Placed place;
        gate(test.args(std::ref(place)), on_gpu());
        place.fetch(test.out.array);
        CHECK(error_of(expected.out, test.out) <= tolerance(test.out.array));
        CHECK(test.out.gaps_untouched());
      }
}

TEST_CASE("the GPU norm equals fp64, with and without residual") {
  if (!has_device()) return;
  for (const DType dtype : {DType::f32, DType::f16, DType::bf16})
    for (const DType residual : {DType::f32, dtype})
      for (const std::int64_t channels : {1, 63, 768, 5120, 9000})
        for (const int given : {0, 1, 2}) {  // a residual, and a scale of what is added
          NormCase test({.dtype = dtype,
                         .x_dtype = dtype,
                         .residual_dtype = residual,
                         .tokens = 5,
                         .channels = channels,
                         .residual = given > 0,
                         .residual_out = true,
                         .parts = given > 1 ? 80 : 0});
          const auto expected = reference::rms_norm(test.args(host_place));
          Placed place;
          rms_norm(test.args(std::ref(place)), on_gpu());
          place.fetch(test.out.array);
          place.fetch(test.residual_out.array);
          INFO("dtype " << name_of(dtype) << " C " << channels << " residual " << given);
          CHECK(error_of(expected.out, test.out) <= tolerance(test.out.array));
          CHECK(error_of(expected.state, test.residual_out) <= tolerance(test.residual_out.array));
        }
}

TEST_CASE("the GPU norm may leave the sum in the residual's place") {
  if (!has_device()) return;
  for (const DType residual : {DType::f32, DType::bf16})
    for (const std::int64_t channels : {1000, 9000}) {
      NormCase test({.dtype = DType::bf16,
                     .x_dtype = DType::bf16,
                     .residual_dtype = residual,
                     .tokens = 5,
                     .channels = channels,
                     .residual = true});
      const auto expected = reference::rms_norm(test.args(host_place));
      Placed place;
      RmsNormArgs args = test.args(std::ref(place));
      args.residual_out = {const_cast<void*>(args.residual.data), args.residual.batch_stride,
                           args.residual.row_stride};
      rms_norm(args, on_gpu());
      place.fetch(test.out.array);
      INFO("residual " << name_of(residual) << " C " << channels);
      CHECK(error_of(expected.out, test.out) <= tolerance(test.out.array));
    }
}
