#pragma once

#include "kernels/cpu/isa.hpp"
#include "kernels/cpu/scratch.hpp"
#include "kernels/cpu/simd/exp.hpp"
#include "kernels/cpu/simd/rows.hpp"

namespace ssmprof::kernels::cpu::SSMPROF_ISA {
namespace {

constexpr std::int64_t scan_rows = 64;  ///< rows per time chunk: a column of it stays in L1

inline std::int64_t scan_scratch(std::int64_t channels, std::int64_t state) {
  const std::int64_t padded = round_up(channels, W);
  return 2 * state * padded + (4 * scan_rows + 4) * padded + 2 * round_up(scan_rows * state, W);
}

/// NB states of W channels over the rows of a chunk; `a` is A·log2(e), both [state][stride].
template <int NB>
SSMPROF_INLINE void scan_states(std::int64_t rows, std::int64_t state, const float* delta,
                                const float* du, float* y, const float* b, const float* c,
                                const float* a, float* h, std::int64_t stride) {
  Vec decay[NB], hidden[NB];
  for (int k = 0; k < NB; ++k) {
    decay[k] = load(a + k * stride);
    hidden[k] = load(h + k * stride);
  }
  for (std::int64_t t = 0; t < rows; ++t) {
    const Vec dt = load(delta + t * W), x = load(du + t * W);
    Vec sum = load(y + t * W);
#pragma GCC unroll 8
    for (int k = 0; k < NB; ++k) {
      hidden[k] = exp2_decay(dt * decay[k]) * hidden[k] + x * b[t * state + k];
      sum += hidden[k] * c[t * state + k];
    }
    store(y + t * W, sum);
  }
  for (int k = 0; k < NB; ++k) store(h + k * stride, hidden[k]);
}

/// One sequence and a block of channels, lanes = channels. Chunk buffers are laid out
/// [register column][row][W].
inline void selective_scan(const SelectiveScanArgs& args, const Span& span, std::int64_t first,
                           std::int64_t channels, float* scratch) {
  const std::int64_t padded = round_up(channels, W), state = args.state, columns = padded / W;
  float* a = scratch;
  float* h = a + state * padded;
  float* delta = h + state * padded;
  float* du = delta + scan_rows * padded;
  float* y = du + scan_rows * padded;
  float* z = y + scan_rows * padded;
  float* row = z + scan_rows * padded;
  float* row_u = row + padded;
  float* bias = row_u + padded;
  float* skip = bias + padded;
  float* b = skip + padded;
  float* c = b + round_up(scan_rows * state, W);

  for (std::int64_t i = 0; i < padded; ++i) {
    const bool real = i < channels;
    bias[i] = real && args.delta_bias != nullptr ? args.delta_bias[first + i] : 0.0F;
    skip[i] = real && args.d != nullptr ? args.d[first + i] : 0.0F;
  }
  const std::int64_t states_at = (span.index * args.channels + first) * state;
  for (std::int64_t n = 0; n < state; ++n) {
    for (std::int64_t i = 0; i < padded; ++i) {
      const bool real = i < channels;
      a[n * padded + i] = real ? args.a[(first + i) * state + n] * log2e : 0.0F;
      h[n * padded + i] = real && args.initial_state != nullptr
                              ? args.initial_state[states_at + i * state + n]
                              : 0.0F;
    }
  }

  const auto at = [&](const ConstRows& rows, std::int64_t t) {
    return span.batch * rows.batch_stride + (span.begin + t) * rows.row_stride;
  };
  for (std::int64_t start = 0; start < span.length; start += scan_rows) {
    const std::int64_t rows = span.length - start < scan_rows ? span.length - start : scan_rows;
    for (std::int64_t t = 0; t < rows; ++t) {
      load_row(args.dtype, args.b.data, at(args.b, start + t), state, b + t * state, state);
      load_row(args.dtype, args.c.data, at(args.c, start + t), state, c + t * state, state);
      load_row(args.dtype, args.delta.data, at(args.delta, start + t) + first, channels, row,
               padded);
      load_row(args.dtype, args.u.data, at(args.u, start + t) + first, channels, row_u, padded);
      for (std::int64_t v = 0; v < columns; ++v) {
        const std::int64_t to = (v * scan_rows + t) * W;
        Vec dt = load(row + v * W) + load(bias + v * W);
        if (args.delta_softplus) dt = softplus(dt);
        const Vec u = load(row_u + v * W);
        store(delta + to, dt);
        store(du + to, dt * u);
        store(y + to, u * load(skip + v * W));
      }
      if (args.z) {
        load_row(args.dtype, args.z.data, at(args.z, start + t) + first, channels, z + t * padded,
                 padded);
      }
    }
    for (std::int64_t v = 0; v < columns; ++v) {
      const std::int64_t from = v * scan_rows * W;
      const float* dt = delta + from;
      const float* x = du + from;
      std::int64_t n = 0;
      for (; n + 4 <= state; n += 4) {
        scan_states<4>(rows, state, dt, x, y + from, b + n, c + n, a + n * padded + v * W,
                       h + n * padded + v * W, padded);
      }
      for (; n < state; ++n) {
        scan_states<1>(rows, state, dt, x, y + from, b + n, c + n, a + n * padded + v * W,
                       h + n * padded + v * W, padded);
      }
    }
    for (std::int64_t t = 0; t < rows; ++t) {
      for (std::int64_t v = 0; v < columns; ++v) {
        Vec out = load(y + (v * scan_rows + t) * W);
        if (args.z) out *= silu(load(z + t * padded + v * W));
        store(row + v * W, out);
      }
      store_row(args.dtype, row, channels, args.out.data, at(args.out, start + t) + first);
    }
  }
  if (args.final_state != nullptr) {
    for (std::int64_t i = 0; i < channels; ++i) {
      for (std::int64_t n = 0; n < state; ++n) {
        args.final_state[states_at + i * state + n] = h[n * padded + i];
      }
    }
  }
}

}  // namespace
}  // namespace ssmprof::kernels::cpu::SSMPROF_ISA
