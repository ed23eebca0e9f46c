#include "tests/kernels/argmax_case.hpp"

using namespace ssmprof::kernels;
using namespace ssmprof::kernels::cases;

TEST_CASE("the CPU finds the first of the largest values") {
  for (const DType dtype : {DType::f32, DType::f16, DType::bf16})
    for (const std::int64_t columns : {1, 2, 77, 4096}) {
      ArgmaxCase test(dtype, columns, 3);
      std::vector<std::int64_t> out(test.expected.size(), -1);
      const ConstRows rows = test.x.view(static_cast<const void*>(test.x.array.data()));
      argmax({dtype, 7, columns, rows, out.data()}, {});
      CHECK(out == test.expected);
    }
  CHECK_THROWS_AS(argmax({DType::f32, 1, 0, {}, nullptr}, {}), std::invalid_argument);
  CHECK(cost_of(ArgmaxArgs{DType::bf16, 3, 10, {}, nullptr}) == Cost{0, 0, 60, 24});
}
