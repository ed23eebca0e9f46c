#include <algorithm>
#include <cmath>
#include <cstring>
#include <iterator>
#include <vector>

#include "kernels/bench/fill.hpp"
#include "kernels/cpu/convert.hpp"
#include "kernels/cuda/linear_plan.hpp"
#include "kernels/linear.hpp"

#include "tests/catch.hpp"

using namespace ssmprof::kernels;

namespace {

template <class T>
void check_on_cpu(DType dtype, std::int64_t rows, std::int64_t inputs, std::int64_t outputs,
                  double unit) {
  const std::int64_t x_row = inputs + 3, y_row = outputs + 2;
  std::uint64_t seed = 1;
  const auto drawn = [&](std::int64_t count) {
    std::vector<T> values(static_cast<std::size_t>(count));
    for (std::size_t i = 0; i < values.size(); ++i)
      values[i] = cpu::from_float<T>(bench::uniform(seed, i, -1.0F, 1.0F));
    ++seed;
    return values;
  };
  const auto x = drawn(rows * x_row), weight = drawn(outputs * inputs), bias = drawn(outputs);
  std::vector<T> y(static_cast<std::size_t>(rows * y_row));
  std::memset(y.data(), 0xff, y.size() * sizeof(T));
  LinearArgs a;
  a.dtype = dtype;
  a.rows = rows, a.inputs = inputs, a.outputs = outputs;
  a.x = {x.data(), 0, x_row};
  a.weight = weight.data(), a.bias = bias.data();
  a.y = {y.data(), 0, y_row};
  linear(a, {});
  const auto at = [](const std::vector<T>& v, std::int64_t i) {
    return static_cast<double>(cpu::to_float(v[static_cast<std::size_t>(i)]));
  };
  for (std::int64_t m = 0; m < rows; ++m)
    for (std::int64_t n = 0; n < y_row; ++n) {
      const double got = at(y, m * y_row + n);
      if (n >= outputs) {
        CHECK(std::isnan(got));
        continue;
      }
      double sum = at(bias, n);
      for (std::int64_t k = 0; k < inputs; ++k)
        sum += at(x, m * x_row + k) * at(weight, n * inputs + k);
      CHECK(std::abs(got - sum) <= 1.001 * unit * std::abs(sum) + 1e-7);
    }
}

}  // namespace

TEST_CASE("the CPU linear layer equals fp64") {
  for (const std::int64_t rows : {1, 7, 64})
    for (const std::int64_t inputs : {1, 48, 131}) {
      check_on_cpu<float>(DType::f32, rows, inputs, 33, 0x1p-24);
      check_on_cpu<cpu::F16>(DType::f16, rows, inputs, 33, 0x1p-11);
      check_on_cpu<cpu::Bf16>(DType::bf16, rows, inputs, 33, 0x1p-8);
    }
}

TEST_CASE("the linear layer refuses what it cannot do") {
  float one = 1;
  LinearArgs a;
  a.rows = kLinearRows + 1, a.inputs = 1, a.outputs = 1;
  a.x = {&one, 0, 1}, a.weight = &one, a.y = {&one, 0, 1};
  CHECK_THROWS_AS(linear(a, {}), std::invalid_argument);
  a.rows = 2, a.x.row_stride = 0;
  CHECK_THROWS_AS(linear(a, {}), std::invalid_argument);
  a.rows = 1, a.weight = nullptr;
  CHECK_THROWS_AS(linear(a, {}), std::invalid_argument);
}

TEST_CASE("a linear layer's cost is its formula") {
  LinearArgs a;
  a.dtype = DType::bf16;
  a.rows = 3, a.inputs = 5, a.outputs = 7;
  CHECK(cost_of(a) == Cost{210, 0, 100, 42});
  a.bias = &a;
  CHECK(cost_of(a) == Cost{231, 0, 114, 42});
}

TEST_CASE("the plan of a wide linear layer fits every size") {
  for (const std::int64_t inputs : {8, 48, 160, 768, 1536, 2560, 5120, 70000})
    for (const std::int64_t outputs : {1, 80, 192, 1536, 2560, 3352, 10240, 10576, 50288})
      for (const bool parts : {false, true}) {
        const auto plan = cuda::plan_linear_wide(inputs, outputs, parts, 132);
        const auto layout = cuda::lay_out_linear_wide(inputs, outputs, plan);
        INFO("K " << inputs << " N " << outputs << " parts " << parts);
        const auto* const end = std::end(cuda::kLinearWideTiles);
        CHECK(std::find(std::begin(cuda::kLinearWideTiles), end, plan.tile) != end);
        CHECK((!parts || plan.tile % kLinearPart == 0));
        CHECK(plan.split <= layout.steps);
        CHECK(plan.stages >= 2);
        CHECK(layout.steps * 64 >= inputs);
        CHECK(layout.pitch >= plan.tile);
        CHECK(layout.pitch % 32 == 8);
        CHECK(layout.tail % 16 == 0);
        // With the windows of a convolution over all rows beside it.
        CHECK(layout.shared + plan.tile * 16 * 3 * 8 + plan.tile * 10 + 4096 <= 232448);
        CHECK(std::int64_t{layout.blocks} / plan.split * plan.tile >= outputs);
      }
}

TEST_CASE("the plan of a linear layer fits every device and size") {
  for (const cuda::LinearDevice device : {cuda::LinearDevice{132, 232448, true},
                                          {108, 166912, false},
                                          {84, 101376, false},
                                          {40, 65536, false}})
    for (const std::int64_t rows : {1, 8, 9, 16, 17, 33, 64})
      for (const std::int64_t inputs : {8, 48, 160, 768, 1536, 2560, 5120, 70000})
        for (const std::int64_t outputs : {1, 80, 192, 1536, 3352, 10576, 50288}) {
          const auto plan = cuda::plan_linear(rows, inputs, outputs, device);
          const auto layout = cuda::lay_out_linear(rows, inputs, outputs, plan, device.shared);
          const int row_tiles = cuda::linear_row_tiles(rows);
          INFO("M " << rows << " K " << inputs << " N " << outputs << " shared " << device.shared);
          CHECK(row_tiles * 8 >= rows);
          CHECK(layout.chunk >= 1);
          CHECK(layout.pitch >= layout.chunk * 64);
          CHECK(layout.pitch % 128 == 16);
          CHECK(layout.shared <= device.shared);
          CHECK(layout.threads <= cuda::linear_most_warps(row_tiles, plan.tiles) * 32);
          CHECK(layout.blocks % plan.split == 0);
          CHECK(std::int64_t{layout.blocks} / plan.split * plan.across * plan.tiles * 16 >=
                outputs);
          CHECK((plan.split == 1 || device.clusters));
        }
}
