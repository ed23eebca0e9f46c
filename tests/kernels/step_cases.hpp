#pragma once

// Seeded cases of the decode steps, the norms and the gate; see cases.hpp for args(place).

#include "tests/kernels/cases.hpp"

namespace ssmprof::kernels::cases {

struct ScanStepShape {
  DType dtype = DType::f32, state_dtype = DType::f32;
  std::int64_t batch = 1, channels = 1, state = 16;
  bool gate = true, d = true, bias = true, softplus = true;
  std::int64_t gap = 0;
};

struct ScanStepCase {
  ScanStepShape shape;
  RowArray u, delta, b, c, z, out;
  Array a, d, delta_bias, ssm_state;

  explicit ScanStepCase(const ScanStepShape& s, std::uint64_t seed = 1) : shape(s) {
    Random random(seed);
    const auto rows = [&](std::int64_t width) {
      return RowArray(s.dtype, s.batch, 1, width, s.gap, s.gap, s.gap);
    };
    const auto normal = [&](auto...) { return random.normal(0.0, 1.0); };
    u = rows(s.channels).fill(normal);
    delta = rows(s.channels).fill([&](auto, auto, auto ch) {
      return s.softplus ? raw_time_step(random, ch, -2.0) : random.uniform(0.001, 0.2);
    });
    b = rows(s.state).fill(normal);
    c = rows(s.state).fill(normal);
    if (s.gate) z = rows(s.channels).fill(normal);
    out = rows(s.channels);
    a = Array(DType::f32, s.channels * s.state).fill([&](auto) {
      return -std::exp(random.uniform(-2.0, 2.8));
    });
    if (s.d) d = Array(DType::f32, s.channels).fill(normal);
    if (s.bias)
      delta_bias = Array(DType::f32, s.channels).fill([&](auto) {
        return s.softplus ? random.normal(0.0, 0.1) : random.uniform(0.0, 0.05);
      });
    ssm_state = Array(s.state_dtype, s.batch * s.channels * s.state).fill(normal);
  }

  template <typename Place>
  SelectiveStateUpdateArgs args(const Place& place) {
    SelectiveStateUpdateArgs r;
    r.dtype = shape.dtype;
    r.state_dtype = shape.state_dtype;
    r.batch = shape.batch;
    r.channels = shape.channels;
    r.state = shape.state;
    r.u = u.view(place(u.array));
    r.delta = delta.view(place(delta.array));
    r.b = b.view(place(b.array));
    r.c = c.view(place(c.array));
    r.z = z.view(place(z.array));
    r.a = static_cast<const float*>(place(a));
    r.d = static_cast<const float*>(place(d));
    r.delta_bias = static_cast<const float*>(place(delta_bias));
    r.delta_softplus = shape.softplus;
    r.ssm_state = place(ssm_state);
    r.out = out.view(place(out.array));
    return r;
  }
};

struct SsdStepShape {
  DType dtype = DType::f32, state_dtype = DType::f32;
  std::int64_t batch = 1, heads = 1, head_dim = 64, groups = 1, state = 128;
  bool gate = false, d = true, bias = true, softplus = true;
  float dt_min = 0.0F, dt_max = std::numeric_limits<float>::infinity();
  std::int64_t gap = 0;
};

struct SsdStepCase {
  SsdStepShape shape;
  RowArray x, b, c, dt, z, out;
  Array a, d, dt_bias, ssm_state;

  explicit SsdStepCase(const SsdStepShape& s, std::uint64_t seed = 1) : shape(s) {
    Random random(seed);
    const auto rows = [&](std::int64_t width) {
      return RowArray(s.dtype, s.batch, 1, width, s.gap, s.gap, s.gap);
    };
    const auto normal = [&](auto...) { return random.normal(0.0, 1.0); };
    x = rows(s.heads * s.head_dim).fill(normal);
    b = rows(s.groups * s.state).fill(normal);
    c = rows(s.groups * s.state).fill(normal);
    dt = rows(s.heads).fill([&](auto, auto, auto head) {
      return s.softplus ? raw_time_step(random, head, -2.0) : random.uniform(0.001, 0.2);
    });
    if (s.gate) z = rows(s.heads * s.head_dim).fill(normal);
    out = rows(s.heads * s.head_dim);
    a = Array(DType::f32, s.heads).fill([&](auto) { return -std::exp(random.uniform(-3.0, 2.8)); });
    if (s.d) d = Array(DType::f32, s.heads).fill(normal);
    if (s.bias)
      dt_bias = Array(DType::f32, s.heads).fill([&](auto) {
        return s.softplus ? random.normal(0.0, 0.1) : random.uniform(0.0, 0.05);
      });
    ssm_state = Array(s.state_dtype, s.batch * s.heads * s.head_dim * s.state).fill(normal);
  }

  template <typename Place>
  SsdStateUpdateArgs args(const Place& place) {
    SsdStateUpdateArgs r;
    r.dtype = shape.dtype;
    r.state_dtype = shape.state_dtype;
    r.batch = shape.batch;
    r.heads = shape.heads;
    r.head_dim = shape.head_dim;
    r.groups = shape.groups;
    r.state = shape.state;
    r.x = x.view(place(x.array));
    r.b = b.view(place(b.array));
    r.c = c.view(place(c.array));
    r.dt = dt.view(place(dt.array));
    r.z = z.view(place(z.array));
    r.a = static_cast<const float*>(place(a));
    r.d = static_cast<const float*>(place(d));
    r.dt_bias = static_cast<const float*>(place(dt_bias));
    r.dt_softplus = shape.softplus;
    r.dt_min = shape.dt_min;
    r.dt_max = shape.dt_max;
    r.ssm_state = place(ssm_state);
    r.out = out.view(place(out.array));
    return r;
  }
};

struct NormShape {
  DType dtype = DType::f32, x_dtype = DType::f32, residual_dtype = DType::f32;
  std::int64_t tokens = 1, channels = 1;
  bool residual = false, residual_out = false;
  std::int64_t gap = 0;
  std::int64_t parts = 0;  ///< of the sums of squares that x is to be scaled by; 0: none
};

struct NormCase {
  NormShape shape;
  RowArray x, residual, residual_out, out;
  Array weight, squares;

  explicit NormCase(const NormShape& s, std::uint64_t seed = 1) : shape(s) {
    Random random(seed);
    const auto normal = [&](auto...) { return random.normal(0.0, 1.0); };
    x = RowArray(s.x_dtype, 1, s.tokens, s.channels, s.gap, 0, s.gap).fill(normal);
    if (s.residual) {
      residual = RowArray(s.residual_dtype, 1, s.tokens, s.channels, s.gap, 0, s.gap).fill(normal);
    }
    if (s.residual_out) {
      residual_out = RowArray(s.residual_dtype, 1, s.tokens, s.channels, s.gap, 0, s.gap);
    }
    out = RowArray(s.dtype, 1, s.tokens, s.channels, s.gap, 0, s.gap);
    weight = Array(s.dtype, s.channels).fill([&](auto) { return random.normal(1.0, 0.2); });
    if (s.parts == 0) return;
    squares = Array(DType::f32, s.tokens * (s.parts + 2)).fill([&](auto) {
      return random.uniform(1.0, 9.0);
    });
  }

  template <typename Place>
  RmsNormArgs args(const Place& place) {
    RmsNormArgs r;
    r.dtype = shape.dtype;
    r.x_dtype = shape.x_dtype;
    r.residual_dtype = shape.residual_dtype;
    r.tokens = shape.tokens;
    r.channels = shape.channels;
    r.x = x.view(place(x.array));
    if (shape.parts > 0) {
      r.x_scale = {static_cast<const float*>(place(squares)), shape.parts + 2, shape.parts, 48,
                   0.5F};
    }
    r.residual = residual.view(place(residual.array));
    r.residual_out = residual_out.view(place(residual_out.array));
    r.weight = place(weight);
    r.out = out.view(place(out.array));
    return r;
  }
};

/// y, z and out of the gate and of the gated norm.
struct GateCase {
  DType dtype;
  RowArray y, z, out;
  Array weight;

  GateCase(DType type, std::int64_t batch, std::int64_t length, std::int64_t channels,
           std::int64_t gap = 0, std::uint64_t seed = 1)
      : dtype(type) {
    Random random(seed);
    y = RowArray(type, batch, length, channels, gap, 3 * gap, gap);
    z = y;
    out = y;
    y.fill([&](auto...) { return random.normal(0.0, 1.0); });
    z.fill([&](auto, auto t, auto) { return random.normal(0.0, t % 7 == 3 ? 60.0 : 1.0); });
    weight = Array(type, channels).fill([&](auto) { return random.normal(1.0, 0.2); });
  }

  template <typename Place>
  GateArgs args(const Place& place) {
    GateArgs r;
    r.dtype = dtype;
    r.batch = y.batch;
    r.length = y.length;
    r.channels = y.width;
    r.y = y.view(place(y.array));
    r.z = z.view(place(z.array));
    r.out = out.view(place(out.array));
    return r;
  }

  /// The gated norm over batch · length tokens; batch must be 1.
  template <typename Place>
  GatedRmsNormArgs norm_args(const Place& place, std::int64_t group_size) {
    GatedRmsNormArgs r;
    r.dtype = dtype;
    r.tokens = y.length;
    r.channels = y.width;
    r.group_size = group_size;
    r.y = y.view(place(y.array));
    r.z = z.view(place(z.array));
    r.weight = place(weight);
    r.out = out.view(place(out.array));
    return r;
  }
};

}  // namespace ssmprof::kernels::cases
