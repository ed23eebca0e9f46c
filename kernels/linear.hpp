#pragma once

#include "kernels/cost.hpp"
#include "kernels/launch.hpp"
#include "kernels/views.hpp"

namespace ssmprof::kernels {

/// A linear layer over few rows: y[m, n] = Σ_k x[m, k] · weight[n, k] (+ bias[n]), sums in fp32.
/// Made for decoding, where the weights are nearly all that is moved. The order of every sum
/// depends on the sizes and the device only.
struct LinearArgs {
  DType dtype = DType::f32;              ///< x, weight, bias, y
  std::int64_t rows = 0;                 ///< M, in [1, kLinearRows]
  std::int64_t inputs = 0, outputs = 0;  ///< K, N
  ConstRows x;                           ///< [rows, inputs]; batch_stride unused
  const void* weight = nullptr;          ///< [outputs, inputs], contiguous
  const void* bias = nullptr;            ///< [outputs] or null
  Rows y;                                ///< [rows, outputs]; batch_stride unused
};

inline constexpr std::int64_t kLinearRows = 64;

/// With launch.overlap, weight and bias may be read before the kernels ahead on the stream end.
/// Throws std::invalid_argument on a shape outside the documented range and std::runtime_error
/// when the device cannot run it.
void linear(const LinearArgs& args, const Launch& launch);

/// Whether linear() was measured to be faster on CUDA than the library's product
/// (docs/kernels_linear.md).
bool linear_pays(const LinearArgs& args);

/// 2·M·N·K FLOP (+ M·N for the bias); bytes s·(M·K + N·K + M·N) (+ s·N).
Cost cost_of(const LinearArgs& args);

}  // namespace ssmprof::kernels
