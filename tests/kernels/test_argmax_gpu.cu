#include "tests/kernels/argmax_case.hpp"
#include "tests/kernels/mamba1_gpu.cuh"

using namespace mamba1_gpu;

TEST_CASE("the GPU finds the first of the largest values") {
  if (!has_device()) return;
  for (const DType dtype : {DType::f32, DType::f16, DType::bf16})
    for (const std::int64_t columns : {1, 2, 77, 4096, 50288})
      for (const std::int64_t gap : {0, 3}) {
        ArgmaxCase test(dtype, columns, gap);
        Placed place;
        std::int64_t* out = nullptr;
        cuda_ok(cudaMalloc(&out, test.expected.size() * sizeof(std::int64_t)));
        const ConstRows rows = test.x.view(static_cast<const void*>(place(test.x.array)));
        argmax({dtype, 7, columns, rows, out}, on_gpu());
        std::vector<std::int64_t> got(test.expected.size());
        cuda_ok(
            cudaMemcpy(got.data(), out, got.size() * sizeof(std::int64_t), cudaMemcpyDeviceToHost));
        cudaFree(out);
        INFO(name_of(dtype) << " columns " << columns << " gap " << gap);
        CHECK(got == test.expected);
      }
}
