#pragma once

#include "kernels/cost.hpp"
#include "kernels/launch.hpp"
#include "kernels/views.hpp"

namespace ssmprof::kernels {

/// The scale that an RMSNorm left to be applied to rows its weight is already in, or to a product
/// of them without a bias: row t by rsqrt(Σ_p squares[t, p] / channels + eps). The parts are summed
/// in one fixed order.
struct RowScale {
  const float* squares = nullptr;  ///< [rows, parts]; null: no scale
  std::int64_t row_stride = 0, parts = 0, channels = 0;
  float eps = 1e-5F;
};

/// RMSNorm over the last dimension, optionally adding a residual first:
///   s = x (· x_scale) + residual (when given; stored to residual_out in residual_dtype when given)
///   out = s · rsqrt(mean(s²) + eps) · weight
/// Statistics in fp32. Source: Zhang and Sennrich, arXiv 1910.07467.
struct RmsNormArgs {
  DType dtype = DType::f32;           ///< weight, out
  DType x_dtype = DType::f32;         ///< x
  DType residual_dtype = DType::f32;  ///< residual, residual_out
  std::int64_t tokens = 0, channels = 0;
  ConstRows x;  ///< [tokens, channels]; batch_stride unused
  RowScale x_scale;
  ConstRows residual;
  Rows residual_out;             ///< may be the residual's place
  const void* weight = nullptr;  ///< [channels]
  float eps = 1e-5F;
  Rows out;
};

void rms_norm(const RmsNormArgs& args, const Launch& launch);

/// 4·T·D FLOP (+ T·D for the residual), T transcendentals; each row read and written once. For the
/// scale of x T·D FLOP, T transcendentals and the sums.
Cost cost_of(const RmsNormArgs& args);

/// Mamba-2's gated norm, gate before norm: s = y · SiLU(z), then RMSNorm of each group of
/// `group_size` channels. group_size = channels is what transformers does for any group count;
/// mamba_ssm uses channels / n_groups.
struct GatedRmsNormArgs {
  DType dtype = DType::f32;
  std::int64_t tokens = 0, channels = 0, group_size = 0;
  ConstRows y, z;
  const void* weight = nullptr;
  float eps = 1e-5F;
  Rows out;
};

void gated_rms_norm(const GatedRmsNormArgs& args, const Launch& launch);

/// 6·T·Di FLOP, 2·T·Di + T·Di/group_size transcendentals; bytes s·(3·T·Di + Di).
Cost cost_of(const GatedRmsNormArgs& args);

}  // namespace ssmprof::kernels
