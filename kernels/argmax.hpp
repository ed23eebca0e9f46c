#pragma once

#include "kernels/cost.hpp"
#include "kernels/launch.hpp"
#include "kernels/views.hpp"

namespace ssmprof::kernels {

/// The greedy choice: the index of the largest value of each row, the first of equal ones. A NaN
/// counts as larger than any number.
struct ArgmaxArgs {
  DType dtype = DType::f32;
  std::int64_t rows = 0, columns = 0;
  ConstRows x;                  ///< [rows, columns]; batch_stride unused
  std::int64_t* out = nullptr;  ///< [rows]
};

/// Throws std::invalid_argument on a shape outside the documented range and std::runtime_error
/// when the device cannot run it.
void argmax(const ArgmaxArgs& args, const Launch& launch);

/// Comparisons count as no FLOP; every value read once.
Cost cost_of(const ArgmaxArgs& args);

}  // namespace ssmprof::kernels
