#pragma once

// Seeded cases of Mamba-2's whole decode step and its fp64 reference; see cases.hpp for
// args(place).

#include "kernels/ssd_step.hpp"

#include "tests/kernels/cases.hpp"

namespace ssmprof::kernels::cases {

struct DecodeShape {
  DType dtype = DType::f32, state_dtype = DType::f32;
  std::int64_t batch = 2, heads = 4, head_dim = 16, groups = 1, state = 32, width = 4;
  bool gate = true, d = true, bias = true, conv_bias = true;
  float dt_max = std::numeric_limits<float>::infinity();
  std::int64_t gap = 0;  ///< between the rows of in_proj
};

struct DecodeCase {
  DecodeShape shape;
  std::int64_t inner, channels;
  RowArray xbc, dt, z, out;
  Array weight, conv_bias, conv_state, a, d, dt_bias, ssm_state, workspace;

  explicit DecodeCase(const DecodeShape& s, std::uint64_t seed = 1)
      : shape(s), inner(s.heads * s.head_dim), channels(inner + 2 * s.groups * s.state) {
    Random random(seed);
    const auto rows = [&](std::int64_t width) {
      return RowArray(s.dtype, s.batch, 1, width, s.gap, s.gap, s.gap);
    };
    const auto normal = [&](auto...) { return random.normal(0.0, 1.0); };
    xbc = rows(channels).fill(normal);
    dt = rows(s.heads).fill([&](auto...) { return random.normal(-2.0, 1.0); });
    if (s.gate) z = rows(inner).fill(normal);
    out = rows(inner);
    weight = Array(s.dtype, channels * s.width).fill([&](auto) { return random.normal(0.0, 0.5); });
    if (s.conv_bias) conv_bias = Array(s.dtype, channels).fill(normal);
    conv_state = Array(s.dtype, s.batch * (s.width - 1) * channels).fill(normal);
    a = Array(DType::f32, s.heads).fill([&](auto) { return -std::exp(random.uniform(-3.0, 2.8)); });
    if (s.d) d = Array(DType::f32, s.heads).fill(normal);
    if (s.bias) dt_bias = Array(DType::f32, s.heads).fill(normal);
    ssm_state = Array(s.state_dtype, s.batch * inner * s.state).fill(normal);
  }

  /// The workspace is made here, all zero, for the device of `where`.
  template <typename Place>
  SsdStepArgs args(const Place& place, const Launch& where) {
    SsdStepArgs r;
    r.dtype = shape.dtype, r.state_dtype = shape.state_dtype;
    r.batch = shape.batch, r.heads = shape.heads, r.head_dim = shape.head_dim;
    r.groups = shape.groups, r.state = shape.state, r.width = shape.width;
    r.xbc = xbc.view(place(xbc.array));
    r.dt = dt.view(place(dt.array));
    r.z = z.view(place(z.array));
    r.conv_weight = place(weight), r.conv_bias = place(conv_bias);
    r.conv_state = place(conv_state);
    r.a = static_cast<const float*>(place(a));
    r.d = static_cast<const float*>(place(d));
    r.dt_bias = static_cast<const float*>(place(dt_bias));
    r.dt_max = shape.dt_max;
    r.ssm_state = place(ssm_state);
    r.out = out.view(place(out.array));
    const auto bytes = static_cast<std::int64_t>(ssd_step_workspace(r, where));
    workspace = Array(DType::f32, (bytes + 3) / 4).fill([](auto) { return 0.0; });
    r.workspace = place(workspace);
    return r;
  }

  struct Expected {
    std::vector<double> out, state, conv_state;
  };
  /// Of the arrays as they stand.
  Expected expected() const {
    const DecodeShape& s = shape;
    Expected e;
    e.conv_state.resize(static_cast<std::size_t>(conv_state.count()));
    for (std::int64_t b = 0; b < s.batch; ++b) {
      std::vector<double> convolved;
      for (std::int64_t c = 0; c < channels; ++c) convolved.push_back(convolve(b, c, e));
      for (std::int64_t c = 0; c < inner; ++c) advance(b, c, convolved, e);
    }
    return e;
  }

 private:
  double convolve(std::int64_t b, std::int64_t c, Expected& e) const {
    const std::int64_t before = shape.width - 1;
    const auto at = [&](std::int64_t k) { return (b * before + k) * channels + c; };
    const auto input = [&](std::int64_t k) {
      return k == before ? xbc.array.get(xbc.index(b, 0, c)) : conv_state.get(at(k));
    };
    double sum = conv_bias.empty() ? 0.0 : conv_bias.get(c);
    for (std::int64_t k = 0; k <= before; ++k) sum += weight.get(c * shape.width + k) * input(k);
    for (std::int64_t k = 0; k < before; ++k)
      e.conv_state[static_cast<std::size_t>(at(k))] = input(k + 1);
    return reference::silu(sum);
  }

  void advance(std::int64_t b, std::int64_t c, const std::vector<double>& convolved,
               Expected& e) const {
    const std::int64_t h = c / shape.head_dim, n_state = shape.state;
    const auto in_group =
        static_cast<std::size_t>(inner + h * shape.groups / shape.heads * n_state);
    const auto groups = static_cast<std::size_t>(shape.groups * n_state);
    const double x = convolved[static_cast<std::size_t>(c)];
    const double step =
        std::min<double>(reference::softplus(dt.array.get(dt.index(b, 0, h)) +
                                             (dt_bias.empty() ? 0 : dt_bias.get(h))),
                         shape.dt_max);
    double y = d.empty() ? 0.0 : d.get(h) * x;
    for (std::int64_t n = 0; n < n_state; ++n) {
      const auto i = in_group + static_cast<std::size_t>(n);
      const double s = std::exp(step * a.get(h)) * ssm_state.get((b * inner + c) * n_state + n) +
                       step * x * convolved[i];
      e.state.push_back(s);
      y += s * convolved[i + groups];
    }
    if (!z.empty()) y *= reference::silu(z.array.get(z.index(b, 0, c)));
    e.out.push_back(y);
  }
};

}  // namespace ssmprof::kernels::cases
