#pragma once

#include "kernels/cost.hpp"
#include "kernels/launch.hpp"
#include "kernels/views.hpp"

namespace ssmprof::kernels {

/// RMSNorm before the product, its weight already in x: row m of the product is multiplied by
/// rsqrt(Σ_p squares[m, p] / channels + eps). The parts are summed in one fixed order.
struct LinearScale {
  const float* squares = nullptr;  ///< [rows, parts]; null: no scale
  std::int64_t parts = 0, channels = 0;
  float eps = 1e-5F;
};

/// A decode step of causal_conv1d (4 taps, SiLU) over the outputs [first, first + channels), which
/// go into `state` instead of y. A multiple of 4 each.
struct LinearConv {
  std::int64_t first = 0, channels = 0;  ///< 0: none
  const void* weight = nullptr;          ///< [channels, 4]
  const void* bias = nullptr;            ///< [channels] or null
  void* state = nullptr;                 ///< [rows, 3, channels], oldest first, shifted in place
  Rows out;                              ///< [rows, channels]; batch_stride unused
};

/// The residual stream behind the product: residual += y in place, and what the next RMSNorm needs:
/// next = residual · weight in the layer's type, and sums of squares of the new residual over each
/// kLinearPart outputs. y itself is not written.
struct LinearResidual {
  DType dtype = DType::f32;      ///< of data: fp32 or the layer's
  void* data = nullptr;          ///< [rows, outputs], contiguous; null: none
  const void* weight = nullptr;  ///< [outputs], of the next norm
  void* next = nullptr;          ///< [rows, outputs], contiguous
  float* squares = nullptr;      ///< [rows, outputs / kLinearPart]
};

inline constexpr std::int64_t kLinearRows = 64, kLinearPart = 16;

/// A linear layer over few rows: y[m, n] = scale[m] · Σ_k x[m, k] · weight[n, k] (+ bias[n]), sums
/// in fp32, then the convolution or the residual where given. Made for decoding, where the weights
/// are nearly all that is moved. The order of every sum depends on the sizes and the device only.
struct LinearArgs {
  DType dtype = DType::f32;              ///< x, weight, bias, y, and all of the convolution
  std::int64_t rows = 0;                 ///< M, in [1, kLinearRows]
  std::int64_t inputs = 0, outputs = 0;  ///< K, N
  ConstRows x;                           ///< [rows, inputs]; batch_stride unused
  const void* weight = nullptr;          ///< [outputs, inputs], contiguous
  const void* bias = nullptr;            ///< [outputs] or null
  Rows y;                                ///< [rows, outputs]; batch_stride unused
  LinearScale scale;
  LinearConv conv;          ///< or
  LinearResidual residual;  ///< with outputs a multiple of kLinearPart

  bool fused() const { return scale.squares || conv.channels > 0 || residual.data; }
};

/// With launch.overlap, weight, bias, all that `conv` points to but `out`, and residual.weight may
/// be read before the kernel ahead on the stream has ended: it must not write them. In a decode,
/// the convolution's state was written by the same layer's step before, with the other layers
/// between. Throws std::invalid_argument on a shape outside the documented range and
/// std::runtime_error when the device cannot run it.
void linear(const LinearArgs& args, const Launch& launch);

/// Whether linear() was measured to be faster on CUDA than the library's product
/// (docs/kernels_linear.md).
bool linear_pays(const LinearArgs& args, const Launch& launch);

/// 2·M·N·K FLOP (+ M·N for the bias); bytes s·(M·K + N·K + M·N) (+ s·N). The scale: M·N FLOP, the
/// convolution: what its step costs apart without its input, which replaces as many outputs; the
/// residual: 4·M·N FLOP, the stream read and written once, the weight, and the sums.
Cost cost_of(const LinearArgs& args);

}  // namespace ssmprof::kernels
