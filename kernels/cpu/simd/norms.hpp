#pragma once

#include "kernels/cpu/isa.hpp"
#include "kernels/cpu/scratch.hpp"
#include "kernels/cpu/simd/exp.hpp"
#include "kernels/cpu/simd/rows.hpp"

namespace ssmprof::kernels::cpu::SSMPROF_ISA {
namespace {

/// out = y · SiLU(z); scratch: 2·padded channels.
inline void gate(const GateArgs& args, std::int64_t first, std::int64_t rows, float* scratch) {
  const std::int64_t n = args.channels, padded = round_up(n, W);
  float* y = scratch;
  float* z = y + padded;
  for (std::int64_t token = first; token < first + rows; ++token) {
    const std::int64_t batch = token / args.length, t = token % args.length;
    const auto at = [&](const ConstRows& r) { return batch * r.batch_stride + t * r.row_stride; };
    load_row(args.dtype, args.y.data, at(args.y), n, y, padded);
    load_row(args.dtype, args.z.data, at(args.z), n, z, padded);
    for (std::int64_t i = 0; i < padded; i += W) store(y + i, load(y + i) * silu(load(z + i)));
    store_row(args.dtype, y, n, args.out.data, at(args.out));
  }
}

/// Σ x² of n values; lanes past the end are zero.
SSMPROF_INLINE float sum_of_squares(const float* x, std::int64_t n) {
  Vec total[4] = {};
  std::int64_t i = 0;
  for (; i + 4 * W <= n; i += 4 * W) {
    for (int k = 0; k < 4; ++k) total[k] += load(x + i + k * W) * load(x + i + k * W);
  }
  for (; i + W <= n; i += W) total[0] += load(x + i) * load(x + i);
  if (i < n) {
    const Vec last = load_part(x + i, n - i);
    total[1] += last * last;
  }
  return sum((total[0] + total[1]) + (total[2] + total[3]));
}

SSMPROF_INLINE void normalize(float* x, const float* weight, std::int64_t n, float eps) {
  const float mean = sum_of_squares(x, n) / static_cast<float>(n);
  const float factor = 1.0F / __builtin_sqrtf(mean + eps);
  std::int64_t i = 0;
  for (; i + W <= n; i += W) store(x + i, load(x + i) * factor * load(weight + i));
  for (; i < n; ++i) x[i] = x[i] * factor * weight[i];
}

SSMPROF_INLINE float scale_of(const RowScale& scale, std::int64_t row) {
  float sum = 0.0F;
  for (std::int64_t p = 0; p < scale.parts; ++p) sum += scale.squares[row * scale.row_stride + p];
  return 1.0F / __builtin_sqrtf(sum / static_cast<float>(scale.channels) + scale.eps);
}

/// Scratch: 3·padded channels.
inline void rms_norm(const RmsNormArgs& args, std::int64_t first, std::int64_t rows,
                     float* scratch) {
  const std::int64_t n = args.channels, padded = round_up(n, W);
  float* weight = scratch;
  float* x = weight + padded;
  float* residual = x + padded;
  load_row(args.dtype, args.weight, 0, n, weight, padded);
  for (std::int64_t t = first; t < first + rows; ++t) {
    load_row(args.x_dtype, args.x.data, t * args.x.row_stride, n, x, padded);
    if (args.x_scale.squares != nullptr) {
      const float scale = scale_of(args.x_scale, t);
      for (std::int64_t i = 0; i < padded; i += W) store(x + i, load(x + i) * scale);
    }
    if (args.residual) {
      load_row(args.residual_dtype, args.residual.data, t * args.residual.row_stride, n, residual,
               padded);
      for (std::int64_t i = 0; i < padded; i += W) store(x + i, load(x + i) + load(residual + i));
    }
    if (args.residual_out) {
      store_row(args.residual_dtype, x, n, args.residual_out.data,
                t * args.residual_out.row_stride);
    }
    normalize(x, weight, n, args.eps);
    store_row(args.dtype, x, n, args.out.data, t * args.out.row_stride);
  }
}

/// Scratch: 3·padded channels.
inline void gated_rms_norm(const GatedRmsNormArgs& args, std::int64_t first, std::int64_t rows,
                           float* scratch) {
  const std::int64_t n = args.channels, padded = round_up(n, W);
  float* weight = scratch;
  float* y = weight + padded;
  float* z = y + padded;
  load_row(args.dtype, args.weight, 0, n, weight, padded);
  for (std::int64_t t = first; t < first + rows; ++t) {
    load_row(args.dtype, args.y.data, t * args.y.row_stride, n, y, padded);
    load_row(args.dtype, args.z.data, t * args.z.row_stride, n, z, padded);
    for (std::int64_t i = 0; i < padded; i += W) store(y + i, load(y + i) * silu(load(z + i)));
    for (std::int64_t g = 0; g < n; g += args.group_size) {
      normalize(y + g, weight + g, args.group_size, args.eps);
    }
    store_row(args.dtype, y, n, args.out.data, t * args.out.row_stride);
  }
}

}  // namespace
}  // namespace ssmprof::kernels::cpu::SSMPROF_ISA
