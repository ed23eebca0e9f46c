#pragma once

#include "kernels/cpu/isa.hpp"
#include "kernels/cpu/scratch.hpp"
#include "kernels/cpu/simd/exp.hpp"
#include "kernels/cpu/simd/gemm.hpp"
#include "kernels/cpu/simd/norms.hpp"
#include "kernels/cpu/simd/rows.hpp"

namespace ssmprof::kernels::cpu::SSMPROF_ISA {
namespace {

/// Where the buffers of one SSD task stand in its scratch.
struct SsdBuffers {
  std::int64_t rows, heads, dim, state, padded_rows, padded_heads, padded_dim, padded_state;
  std::int64_t floats = 0;
  float *states, *b, *bt, *c, *cb, *decayed, *x, *weighted, *y, *z, *norm, *dt, *head_dt,
      *from_start, *cs_high, *cs_low, *bias;

  SsdBuffers(const SsdArgs& args, const SsdTile& tile, float* scratch)
      : rows(tile.chunk),
        heads(tile.heads),
        dim(args.head_dim),
        state(args.state),
        padded_rows(round_up(rows, W)),
        padded_heads(round_up(heads, W)),
        padded_dim(round_up(dim, W)),
        padded_state(round_up(state, W)) {
    const auto take = [&](std::int64_t count) {
      float* p = scratch == nullptr ? nullptr : scratch + floats;
      floats += round_up(count, 16);
      return p;
    };
    states = take(heads * state * padded_dim);  // [head][state][dim]
    b = take(rows * padded_state);
    bt = take(state * padded_rows);
    c = take(rows * padded_state);
    cb = take(rows * padded_rows);
    decayed = take(rows * padded_rows);
    x = take(rows * padded_dim);
    weighted = take(rows * padded_dim);
    y = take(rows * padded_dim);
    z = take(padded_dim);
    norm = take(padded_dim);
    dt = take(rows * padded_heads);
    head_dt = take(padded_rows);
    from_start = take(padded_rows);
    cs_high = take(padded_rows);
    cs_low = take(padded_rows);
    bias = take(padded_heads);
  }
};

inline std::int64_t ssd_scratch(const SsdArgs& args, const SsdTile& tile) {
  return SsdBuffers(args, tile, nullptr).floats;
}

/// B, C, Bᵀ, C·Bᵀ and Δ of the chunk's rows [start, start + rows), shared by the task's heads.
inline void ssd_load_chunk(const SsdArgs& args, const Span& span, const SsdTile& tile,
                           const SsdBuffers& s, std::int64_t start, std::int64_t rows) {
  const auto at = [&](const ConstRows& r, std::int64_t t) {
    return span.batch * r.batch_stride + (span.begin + start + t) * r.row_stride;
  };
  const std::int64_t group = tile.first_head / (args.heads / args.groups);
  for (std::int64_t t = 0; t < rows; ++t) {
    load_row(args.dtype, args.b.data, at(args.b, t) + group * s.state, s.state,
             s.b + t * s.padded_state, s.padded_state);
    load_row(args.dtype, args.c.data, at(args.c, t) + group * s.state, s.state,
             s.c + t * s.padded_state, s.padded_state);
    float* dt = s.dt + t * s.padded_heads;
    load_row(args.dtype, args.dt.data, at(args.dt, t) + tile.first_head, s.heads, dt,
             s.padded_heads);
    for (std::int64_t i = 0; i < s.padded_heads; i += W) {
      Vec v = load(dt + i) + load(s.bias + i);
      if (args.dt_softplus) v = softplus(v);
      v = v < args.dt_min ? splat(args.dt_min) : v;
      store(dt + i, v > args.dt_max ? splat(args.dt_max) : v);
    }
  }
  for (std::int64_t n = 0; n < s.state; ++n) {
    float* column = s.bt + n * s.padded_rows;
    for (std::int64_t t = 0; t < rows; ++t) column[t] = s.b[t * s.padded_state + n];
    for (std::int64_t t = rows; t < s.padded_rows; ++t) column[t] = 0.0F;
  }
  // Row blocks against the columns that they can see.
  for (std::int64_t t = 0; t < rows; t += gemm_rows) {
    const std::int64_t m = rows - t < gemm_rows ? rows - t : gemm_rows;
    gemm({.m = m,
          .n = round_up(t + m, W),
          .k = s.state,
          .a = s.c + t * s.padded_state,
          .a_row = s.padded_state,
          .b = s.bt,
          .b_row = s.padded_rows,
          .c = s.cb + t * s.padded_rows,
          .c_row = s.padded_rows});
  }
}

/// decayed[i][j] = (C·Bᵀ)[i][j] · 2^(cs[i] − cs[j]) · Δ[j] for j ≤ i, zero above. cs is the running
/// sum of Δ·A·log2(e) in two floats, so that differences are exact to fp32 wherever they lie.
inline void ssd_decay(const SsdBuffers& s, const float* dt, std::int64_t rows) {
  for (std::int64_t i = 0; i < rows; ++i) {
    const float high = s.cs_high[i], low = s.cs_low[i];
    const float* cb = s.cb + i * s.padded_rows;
    float* out = s.decayed + i * s.padded_rows;
    std::int64_t j = 0;
    for (; j <= i; j += W) {
      const Vec exponent = (high - load(s.cs_high + j)) + (low - load(s.cs_low + j));
      store(out + j, load(cb + j) * exp2_decay(exponent < 0.0F ? exponent : Vec{}) * load(dt + j));
    }
    for (std::int64_t k = i + 1; k < j; ++k) out[k] = 0.0F;
    for (; j < s.padded_rows && j < i + gemm_rows; j += W) store(out + j, Vec{});
  }
}

/// A head's row of outputs: its sums of squares, then the weight of the norm.
inline void ssd_weigh(float* y, const SsdBuffers& s, float* squares) {
  for (std::int64_t p = 0; p < s.dim; p += kSsdPartRows) {
    const std::int64_t rows = s.dim - p < kSsdPartRows ? s.dim - p : kSsdPartRows;
    *squares++ = sum_of_squares(y + p, rows);
  }
  for (std::int64_t p = 0; p < s.padded_dim; p += W) store(y + p, load(y + p) * load(s.norm + p));
}

inline void ssd_head(const SsdArgs& args, const Span& span, const SsdTile& tile,
                     const SsdBuffers& s, std::int64_t local, std::int64_t start,
                     std::int64_t rows) {
  const std::int64_t head = tile.first_head + local;
  float* states = s.states + local * s.state * s.padded_dim;
  const auto at = [&](const ConstRows& r, std::int64_t t) {
    return span.batch * r.batch_stride + (span.begin + start + t) * r.row_stride + head * s.dim;
  };
  float* dt = s.head_dt;
  double running = 0.0;
  const double slope = static_cast<double>(args.a[head]) * 1.4426950408889634;
  for (std::int64_t t = 0; t < s.padded_rows; ++t) {
    dt[t] = t < rows ? s.dt[t * s.padded_heads + local] : 0.0F;
    running += slope * static_cast<double>(dt[t]);
    s.cs_high[t] = static_cast<float>(running);
    s.cs_low[t] = static_cast<float>(running - static_cast<double>(s.cs_high[t]));
  }
  ssd_decay(s, dt, rows);

  const float end_high = s.cs_high[rows - 1], end_low = s.cs_low[rows - 1];
  float* from_start = s.from_start;
  for (std::int64_t t = 0; t < s.padded_rows; t += W) {
    store(from_start + t, exp2_decay(load(s.cs_high + t)));
  }
  const float total_decay = from_start[rows - 1];
  // y = 2^cs · (C · S)
  gemm({.m = rows,
        .n = s.padded_dim,
        .k = s.state,
        .a = s.c,
        .a_row = s.padded_state,
        .b = states,
        .b_row = s.padded_dim,
        .c = s.y,
        .c_row = s.padded_dim});
  const float skip = args.d != nullptr ? args.d[head] : 0.0F;
  for (std::int64_t t = 0; t < s.padded_rows; t += W) {
    const Vec exponent = (end_high - load(s.cs_high + t)) + (end_low - load(s.cs_low + t));
    store(s.cs_high + t, exp2_decay(exponent < 0.0F ? exponent : Vec{}) * load(dt + t));
  }
  for (std::int64_t t = 0; t < rows; ++t) {
    float* x = s.x + t * s.padded_dim;
    float* y = s.y + t * s.padded_dim;
    float* weighted = s.weighted + t * s.padded_dim;
    load_row(args.dtype, args.x.data, at(args.x, t), s.dim, x, s.padded_dim);
    const float decay = from_start[t], weight = s.cs_high[t];
    for (std::int64_t p = 0; p < s.padded_dim; p += W) {
      const Vec v = load(x + p);
      store(y + p, load(y + p) * decay + v * skip);
      store(weighted + p, v * weight);
    }
  }
  // y += decayed · x, then S = 2^cs[end] · S + Bᵀ · weighted x
  gemm({.m = rows,
        .n = s.padded_dim,
        .k = rows,
        .a = s.decayed,
        .a_row = s.padded_rows,
        .b = s.x,
        .b_row = s.padded_dim,
        .c = s.y,
        .c_row = s.padded_dim,
        .beta = 1.0F,
        .causal = true});
  gemm({.m = s.state,
        .n = s.padded_dim,
        .k = rows,
        .a = s.b,
        .a_row = 1,
        .a_step = s.padded_state,
        .b = s.weighted,
        .b_row = s.padded_dim,
        .c = states,
        .c_row = s.padded_dim,
        .beta = total_decay});
  if (args.norm_weight != nullptr) {
    load_row(args.dtype, args.norm_weight, head * s.dim, s.dim, s.norm, s.padded_dim);
  }
  for (std::int64_t t = 0; t < rows; ++t) {
    float* y = s.y + t * s.padded_dim;
    if (args.z) {
      load_row(args.dtype, args.z.data, at(args.z, t), s.dim, s.z, s.padded_dim);
      for (std::int64_t p = 0; p < s.padded_dim; p += W) {
        store(y + p, load(y + p) * silu(load(s.z + p)));
      }
    }
    if (args.norm_weight != nullptr) {
      const std::int64_t token = span.batch * args.length + span.begin + start + t;
      ssd_weigh(y, s, args.squares + (token * args.heads + head) * ssd_parts(1, s.dim));
    }
    store_row(args.dtype, y, s.dim, args.out.data, at(args.out, t));
  }
}

/// One sequence and some heads of one group, chunk after chunk; C·Bᵀ once per chunk.
inline void ssd(const SsdArgs& args, const Span& span, const SsdTile& tile, float* scratch) {
  const SsdBuffers s(args, tile, scratch);
  for (std::int64_t i = 0; i < s.padded_heads; ++i) {
    const bool real = i < s.heads && args.dt_bias != nullptr;
    s.bias[i] = real ? args.dt_bias[tile.first_head + i] : 0.0F;
  }
  const std::int64_t head_size = s.dim * s.state;
  const std::int64_t states_at = (span.index * args.heads + tile.first_head) * head_size;
  for (std::int64_t h = 0; h < s.heads; ++h) {
    for (std::int64_t n = 0; n < s.state; ++n) {
      float* row = s.states + (h * s.state + n) * s.padded_dim;
      for (std::int64_t p = 0; p < s.padded_dim; ++p) {
        row[p] = args.initial_state != nullptr && p < s.dim
                     ? args.initial_state[states_at + h * head_size + p * s.state + n]
                     : 0.0F;
      }
    }
  }
  for (std::int64_t start = 0; start < span.length; start += s.rows) {
    const std::int64_t rows = span.length - start < s.rows ? span.length - start : s.rows;
    ssd_load_chunk(args, span, tile, s, start, rows);
    for (std::int64_t h = 0; h < s.heads; ++h) ssd_head(args, span, tile, s, h, start, rows);
  }
  if (args.final_state == nullptr) return;
  for (std::int64_t h = 0; h < s.heads; ++h) {
    for (std::int64_t p = 0; p < s.dim; ++p) {
      for (std::int64_t n = 0; n < s.state; ++n) {
        args.final_state[states_at + h * head_size + p * s.state + n] =
            s.states[(h * s.state + n) * s.padded_dim + p];
      }
    }
  }
}

}  // namespace
}  // namespace ssmprof::kernels::cpu::SSMPROF_ISA
