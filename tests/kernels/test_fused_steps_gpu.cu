#include "tests/kernels/fused_step_cases.hpp"
#include "tests/kernels/mamba1_gpu.cuh"

using namespace mamba1_gpu;

namespace {

void on_device(FusedLinearCase& test, bool overlap) {
  Placed place;
  const LinearArgs args = test.args(std::ref(place));
  Launch where = on_gpu();
  where.overlap = overlap;
  linear(args, where);
  for (Array* array : {&test.y.array, &test.convolved.array, &test.conv_state, &test.residual,
                       &test.next, &test.next_squares})
    place.fetch(*array);
}

void check_linear(const FusedLinearShape& shape) {
  for (const bool overlap : {false, true})
    check_fused_linear(shape, [&](FusedLinearCase& test) { on_device(test, overlap); });
}

}  // namespace

TEST_CASE("the GPU fused linear layers equal fp64") {
  if (!has_device()) return;
  for (const DType dtype : {DType::f16, DType::bf16})
    for (const std::int64_t rows : {1, 8, 9, 64}) {
      for (const std::int64_t outputs : {37, 520})
        check_linear(
            {.dtype = dtype, .rows = rows, .inputs = 136, .outputs = outputs, .parts = 200});
      check_linear({.dtype = dtype,
                    .rows = rows,
                    .inputs = 768,
                    .outputs = 672,
                    .parts = 48,
                    .conv_first = 100,
                    .conv_channels = 508,
                    .bias = true});
      for (const DType stream : {DType::f32, dtype})
        for (const std::int64_t inputs : {48, 1536})
          check_linear({.dtype = dtype,
                        .residual_dtype = stream,
                        .rows = rows,
                        .inputs = inputs,
                        .outputs = 304,
                        .parts = inputs == 48 ? 0 : 96,
                        .residual = true,
                        .bias = inputs == 48});
    }
}

TEST_CASE("GPU fused linear layers refuse rows that they cannot move") {
  if (!has_device()) return;
  FusedLinearCase test({.inputs = 60, .outputs = 96, .residual = true});
  Placed place;
  CHECK_THROWS_AS(linear(test.args(std::ref(place)), on_gpu()), std::invalid_argument);
}

namespace {

void check_on_gpu(const ScanStepShape& shape, std::int64_t rank, bool settled) {
  check_step_with_rank(shape, rank, 0.0,
                       [&](ScanStepCase& test, Array& weight, std::int64_t width) {
                         Placed place;
                         SelectiveStateUpdateArgs args = test.args(std::ref(place));
                         args.rank = width, args.dt_weight = place(weight);
                         args.state_settled = settled;
                         Launch where = on_gpu();
                         where.overlap = settled;
                         selective_state_update(args, where);
                         place.fetch(test.out.array);
                         place.fetch(test.ssm_state);
                       });
}

}  // namespace

TEST_CASE("the GPU step with dt_proj inside equals fp64") {
  if (!has_device()) return;
  for (const DType dtype : {DType::f16, DType::bf16})
    for (const DType stored : {DType::f32, dtype})
      for (const std::int64_t batch : {1, 7, 9, 64})
        for (const std::int64_t rank : {8, 48, 72, 160})
          check_on_gpu({.dtype = dtype,
                        .state_dtype = stored,
                        .batch = batch,
                        .channels = batch < 64 ? 1024 : 192,
                        .gap = 8},
                       rank, rank != 48);
}

TEST_CASE("the GPU step with dt_proj inside, more states than registers hold") {
  if (!has_device()) return;
  for (const std::int64_t batch : {60, 64})
    for (const std::int64_t rank : {48, 160})
      check_on_gpu({.dtype = rank == 48 ? DType::f16 : DType::bf16,
                    .state_dtype = DType::f32,
                    .batch = batch,
                    .channels = 3200,
                    .gap = 8},
                   rank, batch == 64);
}

TEST_CASE("the GPU step of Mamba-2 with the norm's sums equals fp64") {
  if (!has_device()) return;
  for (const DType dtype : {DType::f32, DType::f16, DType::bf16})
    for (const std::int64_t batch : {1, 9, 300})
      for (const std::int64_t head_dim : {5, 48, 64})
        for (const std::int64_t state : {38, 128}) {
          if (batch == 300 && state == 128) continue;  // the reference is slow
          check_step_with_norm({.dtype = dtype,
                                .batch = batch,
                                .heads = 2,
                                .head_dim = head_dim,
                                .groups = 2,
                                .state = state,
                                .gate = true},
                               2e-5, [&](SsdStepCase& test, Array& weight, Array& squares) {
                                 Placed place;
                                 SsdStateUpdateArgs args = test.args(std::ref(place));
                                 args.norm_weight = place(weight);
                                 args.squares = static_cast<float*>(place(squares));
                                 args.state_settled = true;
                                 ssd_state_update(args, on_gpu());
                                 place.fetch(test.out.array);
                                 place.fetch(test.ssm_state);
                                 place.fetch(squares);
                               });
        }
}

TEST_CASE("the GPU embedding starts a stream") {
  if (!has_device()) return;
  for (const DType dtype : {DType::f32, DType::f16, DType::bf16})
    for (const DType stream : {DType::f32, dtype})
      for (const std::int64_t channels : {48, 768}) {
        EmbedCase test(dtype, stream, 5, channels);
        Placed place;
        std::int64_t* ids = nullptr;
        cuda_ok(cudaMalloc(&ids, test.ids.size() * sizeof(std::int64_t)));
        cuda_ok(cudaMemcpy(ids, test.ids.data(), test.ids.size() * sizeof(std::int64_t),
                           cudaMemcpyHostToDevice));
        embed(test.args(std::ref(place), ids), on_gpu());
        for (Array* array : {&test.residual, &test.next, &test.squares}) place.fetch(*array);
        cudaFree(ids);
        test.check();
      }
}
