#pragma once

#include "kernels/cpu/isa.hpp"
#include "kernels/cpu/scratch.hpp"
#include "kernels/cpu/simd/exp.hpp"
#include "kernels/cpu/simd/rows.hpp"

namespace ssmprof::kernels::cpu::SSMPROF_ISA {
namespace {

inline std::int64_t conv_scratch(std::int64_t channels, std::int64_t width) {
  return (3 * width + 2) * round_up(channels, W);
}

/// One sequence and a block of channels: a ring of the last `width` rows in fp32.
inline void causal_conv1d(const CausalConv1dArgs& args, const Span& span, std::int64_t first,
                          std::int64_t channels, float* scratch) {
  const std::int64_t padded = round_up(channels, W), width = args.width;
  float* weight = scratch;
  float* ring = weight + width * padded;
  float* bias = ring + width * padded;
  float* out = bias + padded;
  float* columns = out + padded;  // the weights before their transposition
  const std::int64_t history = width - 1;
  const std::int64_t states_at = span.index * history * args.channels + first;

  load_row(args.dtype, args.weight, first * width, channels * width, columns, channels * width);
  for (std::int64_t i = 0; i < channels; ++i) {
    for (std::int64_t k = 0; k < width; ++k) weight[k * padded + i] = columns[i * width + k];
  }
  for (std::int64_t i = channels; i < padded; ++i) {
    for (std::int64_t k = 0; k < width; ++k) weight[k * padded + i] = 0.0F;
  }
  for (std::int64_t i = 0; i < padded; ++i) bias[i] = 0.0F;
  if (args.bias != nullptr) load_row(args.dtype, args.bias, first, channels, bias, padded);
  // Position p of the history and the rows together stands in ring slot p mod width.
  for (std::int64_t k = 0; k < history; ++k) {
    if (args.initial_state != nullptr) {
      load_row(args.dtype, args.initial_state, states_at + k * args.channels, channels,
               ring + k * padded, padded);
    } else {
      for (std::int64_t i = 0; i < padded; ++i) ring[k * padded + i] = 0.0F;
    }
  }
  const auto at = [&](const ConstRows& rows, std::int64_t t) {
    return span.batch * rows.batch_stride + (span.begin + t) * rows.row_stride + first;
  };
  std::int64_t slot = history % width;
  for (std::int64_t t = 0; t < span.length; ++t) {
    load_row(args.dtype, args.x.data, at(args.x, t), channels, ring + slot * padded, padded);
    const float* taps[16];
    for (std::int64_t k = 0; k < width; ++k) {
      std::int64_t from = slot + 1 + k;
      if (from >= width) from -= width;
      taps[k] = ring + from * padded;
    }
    for (std::int64_t i = 0; i < padded; i += W) {
      Vec sum = load(bias + i);
      if (width == 4) {
        sum += load(taps[0] + i) * load(weight + i);
        sum += load(taps[1] + i) * load(weight + padded + i);
        sum += load(taps[2] + i) * load(weight + 2 * padded + i);
        sum += load(taps[3] + i) * load(weight + 3 * padded + i);
      } else {
        for (std::int64_t k = 0; k < width; ++k) {
          sum += load(taps[k] + i) * load(weight + k * padded + i);
        }
      }
      store(out + i, args.silu ? silu(sum) : sum);
    }
    store_row(args.dtype, out, channels, args.out.data, at(args.out, t));
    slot = slot + 1 == width ? 0 : slot + 1;
  }
  if (args.final_state != nullptr) {
    for (std::int64_t k = 0; k < history; ++k) {
      const std::int64_t from = (span.length + k) % width;
      store_row(args.dtype, ring + from * padded, channels, args.final_state,
                states_at + k * args.channels);
    }
  }
}

}  // namespace
}  // namespace ssmprof::kernels::cpu::SSMPROF_ISA
