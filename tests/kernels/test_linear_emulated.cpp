// The source of the GPU's linear layer on the host (tests/kernels/emulated): its indices, waits and
// barriers against fp64. What the instructions really do, only a device can tell.
#include <cmath>

#include "kernels/bench/fill.hpp"
#include "kernels/cuda/linear_stream.cuh"
#include "kernels/linear.hpp"

#include "tests/catch.hpp"
#include "tests/kernels/fused_step_cases.hpp"

using namespace ssmprof::kernels;
using cuda::LinearPlan;
using cuda::watch;

namespace {

constexpr int kHopper = 232448, kSmall = 65536;  // bytes of shared memory per block

struct Case {
  std::int64_t rows, outputs, inputs;
  LinearPlan plan;
  int room = kHopper;
  bool engine = true;
};

template <class T, int NT, int MT>
void launch(const cuda::linear_detail::Params& p, const cuda::LinearLayout& layout, int cluster) {
  emulated::Machine::get().run(layout.blocks, layout.threads, layout.shared, cluster, [p] {
    cuda::linear_detail::linear_stream_kernel<T, NT, MT, cuda::linear_detail::End::plain>(p);
  });
}

template <class T, int MT>
void launch_rows(const cuda::linear_detail::Params& p, const cuda::LinearLayout& layout,
                 int cluster) {
  switch (cuda::linear_row_tiles(p.rows)) {
    case 1:
      return launch<T, 1, MT>(p, layout, cluster);
    case 2:
      return launch<T, 2, MT>(p, layout, cluster);
    case 4:
      return launch<T, 4, MT>(p, layout, cluster);
    default:
      return launch<T, 8, MT>(p, layout, cluster);
  }
}

template <class T>
struct alignas(16) Eight {
  T v[8];
};

/// Rows of x and y eight elements apart, NaN in between.
template <class T>
void check(const Case& c, double unit) {
  const std::int64_t x_row = c.inputs + 8, y_row = c.outputs + 8;
  std::vector<Eight<T>> x_memory(static_cast<std::size_t>(c.rows * x_row / 8));
  std::vector<Eight<T>> weight_memory(static_cast<std::size_t>(c.outputs * c.inputs / 8));
  std::vector<Eight<T>> y_memory(static_cast<std::size_t>(c.rows * y_row / 8 + 1));
  T *x = x_memory.data()->v, *weight = weight_memory.data()->v, *y = y_memory.data()->v;
  std::vector<T> bias(static_cast<std::size_t>(c.outputs));
  std::memset(static_cast<void*>(x), 0xff, x_memory.size() * 16);
  std::memset(static_cast<void*>(y), 0xff, y_memory.size() * 16);
  const auto draw = [](std::uint64_t seed, std::int64_t i) {
    return cpu::from_float<T>(bench::uniform(seed, static_cast<std::uint64_t>(i), -1.0F, 1.0F));
  };
  for (std::int64_t i = 0; i < c.rows * c.inputs; ++i)
    x[i / c.inputs * x_row + i % c.inputs] = draw(1, i);
  for (std::int64_t i = 0; i < c.outputs * c.inputs; ++i) weight[i] = draw(2, i);
  for (std::int64_t i = 0; i < c.outputs; ++i) bias[static_cast<std::size_t>(i)] = draw(3, i);

  const auto layout = cuda::lay_out_linear(c.rows, c.inputs, c.outputs, c.plan, c.room);
  REQUIRE(layout.chunk > 0);
  cuda::linear_detail::Params p{};
  p.x = x, p.weight = weight, p.finish.bias = bias.data(), p.finish.y = y;
  p.x_stride = x_row, p.finish.y_stride = y_row;
  p.finish.rows = static_cast<int>(c.rows), p.finish.outputs = static_cast<int>(c.outputs);
  p.rows = static_cast<int>(c.rows), p.inputs = static_cast<int>(c.inputs);
  p.outputs = static_cast<int>(c.outputs);
  p.across = c.plan.across, p.along = c.plan.along;
  p.steps = layout.steps, p.queue = layout.queue, p.x_at = layout.x_at;
  p.chunk = layout.chunk, p.pitch = layout.pitch, p.scales_at = layout.scales_at;
  p.bulk = c.engine && c.rows > 8;
  p.finish.packed_y = y_row % 4 == 0;
  watch = {weight, weight + c.outputs * c.inputs, 0};
  if (c.plan.tiles == 1)
    launch_rows<T, 1>(p, layout, c.plan.split);
  else
    launch_rows<T, 2>(p, layout, c.plan.split);

  CHECK(watch.conflicts == 0);
  std::int64_t wrong = 0;
  for (std::int64_t m = 0; m < c.rows; ++m)
    for (std::int64_t n = 0; n < y_row; ++n) {
      const auto got = static_cast<double>(cpu::to_float(y[m * y_row + n]));
      if (n >= c.outputs) {
        wrong += std::isnan(got) ? 0 : 1;
        continue;
      }
      auto sum = static_cast<double>(cpu::to_float(bias[static_cast<std::size_t>(n)]));
      double terms = std::abs(sum);
      for (std::int64_t k = 0; k < c.inputs; ++k) {
        const double term = static_cast<double>(cpu::to_float(x[m * x_row + k])) *
                            static_cast<double>(cpu::to_float(weight[n * c.inputs + k]));
        sum += term, terms += std::abs(term);
      }
      if (!(std::abs(got - sum) <= 1.001 * unit * std::abs(sum) + 2e-6 * terms)) ++wrong;
    }
  CHECK(wrong == 0);
}

void check_both(const Case& c) {
  INFO("M " << c.rows << " N " << c.outputs << " K " << c.inputs << " tiles " << c.plan.tiles
            << " across " << c.plan.across << " along " << c.plan.along << " split "
            << c.plan.split);
  check<cpu::Bf16>(c, 0x1p-8);
  check<cpu::F16>(c, 0x1p-11);
}

using cuda::linear_detail::End;

/// What is behind the product alone: blocks of `wide` outputs, the sums given, all of them by the
/// first block of a cluster. `kShared`: what the convolution needs through shared memory.
template <End kEnd, bool kShared>
void finish_kernel(const cuda::linear_detail::FinishParams& p, const float* product, int wide,
                   int windows) {
  namespace detail = cuda::linear_detail;
  auto& machine = emulated::Machine::get();
  const int blocks = machine.cluster(), rank = machine.self().block;
  const int first = machine.block_index() / blocks * wide, pitch = wide + 4;
  unsigned char* const memory = cuda::block_memory();
  auto* const sums = reinterpret_cast<float*>(memory);
  const int scales_at = p.rows * pitch * 4;
  auto* const scales = reinterpret_cast<float*>(memory + scales_at);
  const auto held = [&] {
    if constexpr (kShared)
      return detail::HeldWindows<cpu::Bf16>{static_cast<std::uint32_t>(scales_at + 256),
                                            memory + scales_at + 256 + windows};
    else
      return detail::Held<cpu::Bf16, kEnd, 2>{};
  };
  auto keeps = held();
  keeps.load(p, rank, blocks, first, wide);
  constexpr int kScalers = 96;
  if (const int thread = static_cast<int>(cuda::threadIdx.x) - (machine.threads() - kScalers);
      thread >= 0)
    detail::scale_many_rows<kScalers>(p, scales, thread);
  for (int i = cuda::threadIdx.x; i < p.rows * wide; i += machine.threads()) {
    const int row = i / wide, n = first + i % wide;
    sums[row * pitch + i % wide] = rank == 0 && n < p.outputs ? product[row * p.outputs + n] : 0.0F;
  }
  cuda::wait_for_copies<0>();
  cuda::cluster_barrier();
  const detail::SumsAt at{0, 0, pitch, 1, blocks, rank, scales};
  if constexpr (kShared)
    detail::finish(p, at, first, wide, keeps);
  else
    detail::finish<cpu::Bf16, kEnd, 2>(p, at, first, wide, keeps);
  cuda::cluster_barrier();
}

template <End kEnd, bool kShared>
void check_finish(const cases::FusedLinearShape& shape, int wide, int split) {
  constexpr int kThreads = 256;
  INFO("wide " << wide << " split " << split << " shared " << kShared);
  cases::check_fused_linear(shape, [&](cases::FusedLinearCase& test) {
    const LinearArgs args = test.args(cases::host_place);
    const auto p = cuda::linear_detail::finish_params(args);
    cases::FusedLinearCase bare = test;
    bare.shape.parts = 0, bare.shape.bias = false;
    std::vector<float> product;
    for (const double v : bare.product()) product.push_back(static_cast<float>(v));
    const int windows = cuda::linear_detail::held_windows_bytes(p.rows, wide, split, kThreads);
    const int shared = p.rows * (wide + 4) * 4 + 256 + windows +
                       (cuda::linear_detail::held_taps_bytes(wide) + 15) / 16 * 16;
    const int blocks = (p.outputs + wide - 1) / wide * split;
    emulated::Machine::get().run(blocks, kThreads, shared, split, [&] {
      finish_kernel<kEnd, kShared>(p, product.data(), wide, windows);
    });
  });
}

}  // namespace

TEST_CASE("the emulated end of the linear layer equals fp64") {
  for (const std::int64_t rows : {1, 9, 64})
    for (const int split : {1, 2}) {
      check_finish<End::plain, false>(
          {.rows = rows, .inputs = 24, .outputs = 100, .parts = 7, .bias = true}, 40, split);
      for (const std::int64_t parts : {12, 332}) {
        const cases::FusedLinearShape conv{.rows = rows,
                                           .inputs = 24,
                                           .outputs = 200,
                                           .parts = parts,
                                           .conv_first = 36,
                                           .conv_channels = 132,
                                           .bias = true};
        check_finish<End::conv, true>(conv, 40, split);
        check_finish<End::conv, true>(conv, 88, split);
        check_finish<End::conv, false>(conv, 48, split);
      }
      check_finish<End::residual, false>(
          {.rows = rows, .inputs = 24, .outputs = 208, .parts = 12, .residual = true}, 48, split);
      check_finish<End::residual, false>({.residual_dtype = DType::bf16,
                                          .rows = rows,
                                          .inputs = 24,
                                          .outputs = 112,
                                          .residual = true},
                                         64, split);
    }
}

TEST_CASE("the emulated linear layer equals fp64 at ragged sizes by every kind of plan") {
  int turn = 0;
  for (const std::int64_t rows : {1, 7, 8, 9, 17, 33, 64})
    for (const std::int64_t outputs : {1, 80, 131})
      for (const std::int64_t inputs : {8, 48, 520}) {
        const int split = 1 << turn % 3, along = 1 + turn % 4, across = 1 + turn / 2 % 3;
        check_both({rows, outputs, inputs, {1 + turn % 2, across, along, split}});
        ++turn;
      }
}

TEST_CASE("the emulated linear layer takes x in chunks") {
  for (const bool engine : {false, true})
    for (const std::int64_t rows : {5, 64})
      check_both({rows, 50, 2008, {1, 2, 2, 2}, kSmall, engine});
}

TEST_CASE("the emulated linear layer runs the plans that are chosen") {
  for (const bool clusters : {false, true}) {
    const cuda::LinearDevice device{132, clusters ? kHopper : kSmall, clusters};
    for (const std::int64_t rows : {1, 40}) {
      check_both(
          {rows, 80, 1536, cuda::plan_linear(rows, 1536, 80, device), device.shared, clusters});
      check_both(
          {rows, 300, 48, cuda::plan_linear(rows, 48, 300, device), device.shared, clusters});
    }
  }
}
