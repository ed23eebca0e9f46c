#pragma once

// Plain fp64 references of every kernel, straight from the formulas in kernels/*.hpp (the SSD in
// its recurrent form). They take the kernels' own argument structures with host pointers and share
// no code with any implementation. Results are dense, [batch, length, width] in fp64; arguments'
// outputs, workspace and launch are not touched.

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <vector>

#include "kernels/causal_conv1d.hpp"
#include "kernels/gate.hpp"
#include "kernels/rms_norm.hpp"
#include "kernels/selective_scan.hpp"
#include "kernels/ssd.hpp"

namespace ssmprof::kernels::reference {

struct Result {
  std::vector<double> out;
  std::vector<double> state;  ///< final states in the layout of the arguments, where there are any
};

/// The value of element `index`.
inline double value(DType type, const void* data, std::int64_t index) {
  if (type == DType::f32) return static_cast<const float*>(data)[index];
  const std::uint16_t bits = static_cast<const std::uint16_t*>(data)[index];
  if (type == DType::bf16) return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
  const int exponent = (bits >> 10) & 0x1f;
  const int fraction = bits & 0x3ff;
  double v = exponent == 31  ? (fraction != 0 ? std::nan("") : HUGE_VAL)
             : exponent == 0 ? std::ldexp(fraction, -24)
                             : std::ldexp(fraction + 1024, exponent - 25);
  return (bits & 0x8000) != 0 ? -v : v;
}

inline double value(DType type, const ConstRows& rows, std::int64_t batch, std::int64_t row,
                    std::int64_t column) {
  return value(type, rows.data, batch * rows.batch_stride + row * rows.row_stride + column);
}

inline double softplus(double x) {
  return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x)));
}
inline double silu(double x) {
  return x / (1.0 + std::exp(-x));
}

/// Calls body(state index, batch, first row, rows) for every sequence.
template <typename Body>
void for_each_sequence(std::int64_t batch, std::int64_t length, const Sequences& sequences,
                       const Body& body) {
  if (sequences) {
    for (std::int64_t i = 0; i < sequences.count; ++i) {
      body(i, 0, sequences.starts[i], sequences.starts[i + 1] - sequences.starts[i]);
    }
  } else {
    for (std::int64_t i = 0; i < batch; ++i) body(i, i, 0, length);
  }
}

inline Result selective_scan(const SelectiveScanArgs& a) {
  const std::int64_t states = (a.sequences ? a.sequences.count : a.batch) * a.channels * a.state;
  Result r;
  r.out.assign(static_cast<std::size_t>(a.batch * a.length * a.channels), 0.0);
  r.state.assign(static_cast<std::size_t>(states), 0.0);
  for_each_sequence(
      a.batch, a.length, a.sequences, [&](auto index, auto batch, auto begin, auto rows) {
        for (std::int64_t ch = 0; ch < a.channels; ++ch) {
          const std::int64_t at = (index * a.channels + ch) * a.state;
          double* h = r.state.data() + at;
          for (std::int64_t n = 0; n < a.state; ++n) {
            h[n] = a.initial_state != nullptr ? a.initial_state[at + n] : 0.0;
          }
          for (std::int64_t t = begin; t < begin + rows; ++t) {
            const double u = value(a.dtype, a.u, batch, t, ch);
            double dt = value(a.dtype, a.delta, batch, t, ch);
            if (a.delta_bias != nullptr) dt += a.delta_bias[ch];
            if (a.delta_softplus) dt = softplus(dt);
            double y = a.d != nullptr ? a.d[ch] * u : 0.0;
            for (std::int64_t n = 0; n < a.state; ++n) {
              h[n] = std::exp(dt * a.a[ch * a.state + n]) * h[n] +
                     dt * value(a.dtype, a.b, batch, t, n) * u;
              y += value(a.dtype, a.c, batch, t, n) * h[n];
            }
            if (a.z) y *= silu(value(a.dtype, a.z, batch, t, ch));
            r.out[static_cast<std::size_t>((batch * a.length + t) * a.channels + ch)] = y;
          }
        }
      });
  return r;
}

/// Reads ssm_state as the state before the step.
inline Result selective_state_update(const SelectiveStateUpdateArgs& a) {
  Result r;
  for (std::int64_t b = 0; b < a.batch; ++b) {
    for (std::int64_t ch = 0; ch < a.channels; ++ch) {
      const double u = value(a.dtype, a.u, b, 0, ch);
      double dt = value(a.dtype, a.delta, b, 0, ch);
      if (a.delta_bias != nullptr) dt += a.delta_bias[ch];
      if (a.delta_softplus) dt = softplus(dt);
      double y = a.d != nullptr ? a.d[ch] * u : 0.0;
      for (std::int64_t n = 0; n < a.state; ++n) {
        const double old = value(a.state_dtype, a.ssm_state, (b * a.channels + ch) * a.state + n);
        const double h =
            std::exp(dt * a.a[ch * a.state + n]) * old + dt * value(a.dtype, a.b, b, 0, n) * u;
        r.state.push_back(h);
        y += value(a.dtype, a.c, b, 0, n) * h;
      }
      if (a.z) y *= silu(value(a.dtype, a.z, b, 0, ch));
      r.out.push_back(y);
    }
  }
  return r;
}

/// Δ of one head from its raw value.
template <typename Args>
double time_step(const Args& a, double raw, std::int64_t head) {
  if (a.dt_bias != nullptr) raw += a.dt_bias[head];
  if (a.dt_softplus) raw = softplus(raw);
  return std::min(std::max(raw, static_cast<double>(a.dt_min)), static_cast<double>(a.dt_max));
}

inline Result ssd(const SsdArgs& a) {
  const std::int64_t width = a.heads * a.head_dim;
  const std::int64_t states = (a.sequences ? a.sequences.count : a.batch) * width * a.state;
  Result r;
  r.out.assign(static_cast<std::size_t>(a.batch * a.length * width), 0.0);
  r.state.assign(static_cast<std::size_t>(states), 0.0);
  std::vector<double> b(static_cast<std::size_t>(a.state)), c(b);
  for_each_sequence(
      a.batch, a.length, a.sequences, [&](auto index, auto batch, auto begin, auto rows) {
        for (std::int64_t h = 0; h < a.heads; ++h) {
          const std::int64_t group = h * a.groups / a.heads;
          const std::int64_t at = (index * a.heads + h) * a.head_dim * a.state;
          double* s = r.state.data() + at;
          for (std::int64_t i = 0; i < a.head_dim * a.state; ++i) {
            s[i] = a.initial_state != nullptr ? a.initial_state[at + i] : 0.0;
          }
          for (std::int64_t t = begin; t < begin + rows; ++t) {
            const double dt = time_step(a, value(a.dtype, a.dt, batch, t, h), h);
            const double decay = std::exp(dt * a.a[h]);
            for (std::int64_t n = 0; n < a.state; ++n) {
              b[static_cast<std::size_t>(n)] = value(a.dtype, a.b, batch, t, group * a.state + n);
              c[static_cast<std::size_t>(n)] = value(a.dtype, a.c, batch, t, group * a.state + n);
            }
            for (std::int64_t p = 0; p < a.head_dim; ++p) {
              const std::int64_t column = h * a.head_dim + p;
              const double x = value(a.dtype, a.x, batch, t, column);
              double y = a.d != nullptr ? a.d[h] * x : 0.0;
              double* row = s + p * a.state;
              for (std::int64_t n = 0; n < a.state; ++n) {
                row[n] = decay * row[n] + dt * x * b[static_cast<std::size_t>(n)];
                y += row[n] * c[static_cast<std::size_t>(n)];
              }
              if (a.z) y *= silu(value(a.dtype, a.z, batch, t, column));
              r.out[static_cast<std::size_t>((batch * a.length + t) * width + column)] = y;
            }
          }
        }
      });
  return r;
}

/// What ssd() leaves with norm_weight, from its outputs without: they receive the weight.
inline std::vector<double> weigh(const SsdArgs& a, std::vector<double>& out) {
  std::vector<double> squares;
  for (std::int64_t row = 0; row < a.batch * a.length * a.heads; ++row) {
    for (std::int64_t p = 0; p < a.head_dim; ++p) {
      if (p % kSsdPartRows == 0) squares.push_back(0.0);
      double& y = out[static_cast<std::size_t>(row * a.head_dim + p)];
      squares.back() += y * y;
      y *= value(a.dtype, a.norm_weight, row % a.heads * a.head_dim + p);
    }
  }
  return squares;
}

/// Reads ssm_state as the state before the step.
inline Result ssd_state_update(const SsdStateUpdateArgs& a) {
  Result r;
  for (std::int64_t batch = 0; batch < a.batch; ++batch) {
    for (std::int64_t h = 0; h < a.heads; ++h) {
      const std::int64_t group = h * a.groups / a.heads;
      const double dt = time_step(a, value(a.dtype, a.dt, batch, 0, h), h);
      for (std::int64_t p = 0; p < a.head_dim; ++p) {
        const double x = value(a.dtype, a.x, batch, 0, h * a.head_dim + p);
        double y = a.d != nullptr ? a.d[h] * x : 0.0;
        for (std::int64_t n = 0; n < a.state; ++n) {
          const std::int64_t at = ((batch * a.heads + h) * a.head_dim + p) * a.state + n;
          const double s = std::exp(dt * a.a[h]) * value(a.state_dtype, a.ssm_state, at) +
                           dt * x * value(a.dtype, a.b, batch, 0, group * a.state + n);
          r.state.push_back(s);
          y += s * value(a.dtype, a.c, batch, 0, group * a.state + n);
        }
        if (a.z) y *= silu(value(a.dtype, a.z, batch, 0, h * a.head_dim + p));
        r.out.push_back(y);
      }
    }
  }
  return r;
}

/// Serves causal_conv1d and causal_conv1d_update (call it before the state is overwritten).
inline Result causal_conv1d(const CausalConv1dArgs& a) {
  const std::int64_t history = a.width - 1;
  const std::int64_t count = a.sequences ? a.sequences.count : a.batch;
  Result r;
  r.out.assign(static_cast<std::size_t>(a.batch * a.length * a.channels), 0.0);
  r.state.assign(static_cast<std::size_t>(count * history * a.channels), 0.0);
  for_each_sequence(
      a.batch, a.length, a.sequences, [&](auto index, auto batch, auto begin, auto rows) {
        for (std::int64_t c = 0; c < a.channels; ++c) {
          const auto input = [&](std::int64_t t) {  // t < 0: the initial state, oldest first
            if (t >= 0) return value(a.dtype, a.x, batch, begin + t, c);
            if (a.initial_state == nullptr) return 0.0;
            return value(a.dtype, a.initial_state,
                         (index * history + history + t) * a.channels + c);
          };
          for (std::int64_t t = 0; t < rows; ++t) {
            double y = a.bias != nullptr ? value(a.dtype, a.bias, c) : 0.0;
            for (std::int64_t k = 0; k < a.width; ++k) {
              y += value(a.dtype, a.weight, c * a.width + k) * input(t - history + k);
            }
            r.out[static_cast<std::size_t>((batch * a.length + begin + t) * a.channels + c)] =
                a.silu ? silu(y) : y;
          }
          for (std::int64_t k = 0; k < history; ++k) {
            r.state[static_cast<std::size_t>((index * history + k) * a.channels + c)] =
                input(rows - history + k);
          }
        }
      });
  return r;
}

inline Result gate(const GateArgs& a) {
  Result r;
  for (std::int64_t b = 0; b < a.batch; ++b) {
    for (std::int64_t t = 0; t < a.length; ++t) {
      for (std::int64_t c = 0; c < a.channels; ++c) {
        r.out.push_back(value(a.dtype, a.y, b, t, c) * silu(value(a.dtype, a.z, b, t, c)));
      }
    }
  }
  return r;
}

/// `state` holds residual_out, [tokens, channels].
inline Result rms_norm(const RmsNormArgs& a) {
  Result r;
  for (std::int64_t t = 0; t < a.tokens; ++t) {
    double scale = 1.0, squares = 0.0;
    if (const RowScale& given = a.x_scale; given.squares != nullptr) {
      const float* parts = given.squares + t * given.row_stride;
      const double sum = std::accumulate(parts, parts + given.parts, 0.0);
      scale = 1.0 / std::sqrt(sum / static_cast<double>(given.channels) + given.eps);
    }
    const auto first = static_cast<std::ptrdiff_t>(r.state.size());
    for (std::int64_t c = 0; c < a.channels; ++c) {
      double s = value(a.x_dtype, a.x, 0, t, c) * scale;
      if (a.residual) s += value(a.residual_dtype, a.residual, 0, t, c);
      r.state.push_back(s);
      squares += s * s;
    }
    const double factor =
        1.0 / std::sqrt(squares / static_cast<double>(a.channels) + static_cast<double>(a.eps));
    for (std::int64_t c = 0; c < a.channels; ++c) {
      r.out.push_back(*(r.state.begin() + first + c) * factor * value(a.dtype, a.weight, c));
    }
  }
  return r;
}

inline Result gated_rms_norm(const GatedRmsNormArgs& a) {
  Result r;
  std::vector<double> s(static_cast<std::size_t>(a.group_size));
  for (std::int64_t t = 0; t < a.tokens; ++t) {
    for (std::int64_t g = 0; g < a.channels; g += a.group_size) {
      double squares = 0.0;
      for (std::int64_t i = 0; i < a.group_size; ++i) {
        const double v = value(a.dtype, a.y, 0, t, g + i) * silu(value(a.dtype, a.z, 0, t, g + i));
        s[static_cast<std::size_t>(i)] = v;
        squares += v * v;
      }
      const double factor =
          1.0 / std::sqrt(squares / static_cast<double>(a.group_size) + static_cast<double>(a.eps));
      for (std::int64_t i = 0; i < a.group_size; ++i) {
        r.out.push_back(s[static_cast<std::size_t>(i)] * factor * value(a.dtype, a.weight, g + i));
      }
    }
  }
  return r;
}

}  // namespace ssmprof::kernels::reference
