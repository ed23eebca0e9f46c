#include "kernels/cuda/linear.hpp"
#include "kernels/cuda/programmatic.cuh"
#include "kernels/linear.hpp"

#include "tests/kernels/linear_gpu.cuh"
#include "tests/kernels/mamba1_gpu.cuh"

using namespace linear_gpu;
using mamba1_gpu::has_device;
using mamba1_gpu::through_graph;

namespace {

/// The product by this plan, and the same bits where launches overlap.
template <class Plan>
void check_plan(Layer& layer, const Plan& plan) {
  cuda::linear(layer.args(), plan, on_gpu());
  layer.check();
  const auto first = layer.bits();
  layer.poison();
  Launch overlapping = on_gpu();
  overlapping.overlap = true;
  cuda::linear(layer.args(), plan, overlapping);
  CHECK(layer.bits() == first);
}

}  // namespace

TEST_CASE("the GPU linear layer equals fp64 at every size, stride and type") {
  if (!has_device()) return;
  for (const DType dtype : {DType::bf16, DType::f16, DType::f32})
    for (const std::int64_t rows : {1, 2, 7, 8, 16, 17, 33, 64})
      for (const std::int64_t outputs : {1, 80, 131, 192, 3352})
        for (const std::int64_t inputs : {1, 5, 40, 48, 768, 5120})
          for (const std::int64_t gap : {0, 8, 3}) {
            Layer layer(dtype, rows, inputs, outputs, gap, gap != 8);
            INFO(layer.name());
            linear(layer.args(), on_gpu());
            layer.check();
          }
}

// For compute-sanitizer.
TEST_CASE("the GPU linear layer in each of its forms", "[small]") {
  if (!has_device()) return;
  for (const std::int64_t rows : {1, 9, 64}) {
    for (const DType dtype : {DType::bf16, DType::f16, DType::f32})
      for (const std::int64_t gap : {0, 3}) {
        Layer layer(dtype, rows, 200, 131, gap, true);
        linear(layer.args(), on_gpu());
        layer.check();
      }
    if (!cuda::launches_overlap()) continue;
    for (const int split : {1, 4}) {
      Layer layer(DType::bf16, rows, 520, 200, 8, true);
      INFO(layer.name() << " split " << split);
      check_plan(layer, cuda::LinearPlan{1, 2, 2, split});
      for (const int tile : cuda::kLinearWideTiles)
        check_plan(layer, cuda::LinearWidePlan{tile, split, 2});
    }
  }
}

TEST_CASE("a GPU linear layer longer than shared memory, and misaligned weights") {
  if (!has_device()) return;
  for (const std::int64_t rows : {3, 64}) {
    Layer layer(DType::bf16, rows, 70000, 96, 8, true);
    INFO(layer.name());
    linear(layer.args(), on_gpu());
    layer.check();
    Layer odd(DType::bf16, rows, 256, 200, 8, true, /*shift=*/1);
    linear(odd.args(), on_gpu());
    odd.check();
  }
}

TEST_CASE("every plan of the GPU linear layer gives the product, twice the same bits") {
  if (!has_device()) return;
  for (const std::int64_t rows : {1, 9, 30, 64})
    for (const std::int64_t inputs : {48, 1000, 5120})
      for (const int tiles : {1, 2})
        for (const int across : {1, 3, 8, 16})
          for (const int along : {1, 2, 5, 16})
            for (const int split : {1, 2, 4, 8}) {
              if (across * along > cuda::linear_most_warps(cuda::linear_row_tiles(rows), tiles))
                continue;
              if (split > 1 && !cuda::launches_overlap()) continue;
              Layer layer(DType::bf16, rows, inputs, 1011, 8, true);
              INFO(layer.name() << " tiles " << tiles << " across " << across << " along " << along
                                << " split " << split);
              const cuda::LinearPlan plan{tiles, across, along, split};
              check_plan(layer, plan);
            }
}

TEST_CASE("every plan of the wide GPU linear layer gives the product, twice the same bits") {
  if (!has_device() || !cuda::launches_overlap()) return;
  for (const std::int64_t rows : {1, 9, 30, 64})
    for (const std::int64_t inputs : {40, 1000, 2048})
      for (const int tile : cuda::kLinearWideTiles)
        for (const int split : {1, 2, 4, 8})
          for (const int stages : {2, 5}) {
            const cuda::LinearWidePlan plan{tile, split, stages};
            if (cuda::lay_out_linear_wide(inputs, 1011, plan).shared > 232448) continue;
            Layer layer(DType::bf16, rows, inputs, 1011, 8, true);
            INFO(layer.name() << " tile " << tile << " split " << split << " stages " << stages);
            check_plan(layer, plan);
          }
}

TEST_CASE("dependent GPU linear layers overlap in a graph without changing a bit") {
  if (!has_device()) return;
  for (const std::int64_t rows : {1, 64}) {
    // Each layer's x is the y of the one before; the third writes what the first has read.
    Layer first(DType::bf16, rows, 1536, 5120, 0, true);
    Layer second(DType::bf16, rows, 5120, 2560, 0, true);
    Layer third(DType::bf16, rows, 2560, 1536, 0, true);
    LinearArgs a = first.args(), b = second.args(), c = third.args();
    b.x = a.y, c.x = b.y;
    const auto run = [&](void* stream, bool overlap) {
      Launch where = on_gpu(stream);
      where.overlap = overlap;
      for (const auto& layer : {a, b, c}) linear(layer, where);
    };
    run(nullptr, false);
    const auto expected = third.bits();
    c.y = {const_cast<void*>(a.x.data), 0, a.x.row_stride};
    const auto input = first.x();
    for (int i = 0; i < 50; ++i) {
      first.set_x(input);
      first.poison(), second.poison();
      through_graph([&](void* stream) { run(stream, true); });
      CHECK(first.x() == expected);
    }
  }
}
