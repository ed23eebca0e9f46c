#pragma once

#include "kernels/argmax.hpp"

#include "tests/catch.hpp"
#include "tests/kernels/buffers.hpp"

namespace ssmprof::kernels::cases {

/// Rows whose largest value is known: several equal ones, a NaN, all the same, all −∞.
struct ArgmaxCase {
  RowArray x;
  std::vector<std::int64_t> expected;

  ArgmaxCase(DType dtype, std::int64_t columns, std::int64_t gap) {
    x = RowArray(dtype, 1, 7, columns, gap);
    Random random(5);
    x.fill([&](auto, auto, auto) { return random.uniform(-3.0, 3.0); });
    const auto set = [&](std::int64_t row, std::int64_t at, double v) {
      x.array.set(x.index(0, row, at), v);
    };
    const std::int64_t last = columns - 1, middle = columns / 2;
    set(0, 0, 5), set(1, last, 5);
    set(2, last, 4), set(2, middle, 4);
    set(3, 0, 9);
    for (const std::int64_t at : {middle, last})  // NaN in every type
      std::memset(&x.array.bytes[static_cast<std::size_t>(x.index(0, 3, at)) * size_of(dtype)],
                  0xff, size_of(dtype));
    for (std::int64_t i = 0; i < columns; ++i) set(4, i, -1), set(5, i, -INFINITY), set(6, i, -9);
    set(6, last, -8);
    expected = {0, last, middle, middle, 0, 0, last};
  }
};

}  // namespace ssmprof::kernels::cases
