#pragma once

// Seeded test cases of every kernel, for any device: each case owns its host arrays, and
// args(place) builds the kernel's arguments with place(array) as the address of each array.
// On the host, `host_place`; on a GPU, upload the array and return the device address, then copy
// the output arrays back into the case.

#include <utility>
#include <vector>

#include "tests/kernels/buffers.hpp"

namespace ssmprof::kernels::cases {

/// Every array where it stands; null for an empty one.
inline constexpr auto host_place = [](Array& array) { return array.data(); };

/// Raw time steps: most near `center`, every 41st row past 20, every 37th far below zero.
inline double raw_time_step(Random& random, std::int64_t t, double center) {
  if (t % 41 == 11) return random.uniform(20.5, 24.0);
  if (t % 37 == 5) return random.uniform(-60.0, -15.0);
  return random.normal(center, 1.0);
}

struct ScanShape {
  DType dtype = DType::f32;
  std::int64_t batch = 1, length = 1, channels = 1, state = 16;
  bool gate = true, d = true, bias = true, softplus = true, initial = false, final = true;
  std::int64_t gap = 0;              ///< row gap of every row array; lead and batch gap follow
  std::vector<std::int64_t> starts;  ///< variable-length sequences, or empty
};

inline Array starts_array(const std::vector<std::int64_t>& starts) {
  Array array(DType::f32, static_cast<std::int64_t>(2 * starts.size()));  // 8 bytes each
  if (!starts.empty()) std::memcpy(array.bytes.data(), starts.data(), array.bytes.size());
  return array;
}

struct ScanCase {
  ScanShape shape;
  RowArray u, delta, b, c, z, out;
  Array a, d, delta_bias, initial_state, final_state, starts;

  explicit ScanCase(const ScanShape& s, std::uint64_t seed = 1) : shape(s) {
    Random random(seed);
    const auto rows = [&](std::int64_t width) {
      return RowArray(s.dtype, s.batch, s.length, width, s.gap, 3 * s.gap, s.gap);
    };
    const auto normal = [&](auto...) { return random.normal(0.0, 1.0); };
    u = rows(s.channels).fill(normal);
    delta = rows(s.channels).fill([&](auto, auto t, auto) {
      return s.softplus ? raw_time_step(random, t, -2.0) : random.uniform(0.001, 0.2);
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
    const std::int64_t sequences =
        s.starts.empty() ? s.batch : static_cast<std::int64_t>(s.starts.size()) - 1;
    const std::int64_t states = sequences * s.channels * s.state;
    if (s.initial) initial_state = Array(DType::f32, states).fill(normal);
    if (s.final) final_state = Array(DType::f32, states);
    starts = starts_array(s.starts);
  }

  template <typename Place>
  SelectiveScanArgs args(const Place& place) {
    SelectiveScanArgs r;
    r.dtype = shape.dtype;
    r.batch = shape.batch;
    r.length = shape.length;
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
    r.initial_state = static_cast<const float*>(place(initial_state));
    r.final_state = static_cast<float*>(place(final_state));
    r.out = out.view(place(out.array));
    if (!shape.starts.empty()) {
      r.sequences.starts = static_cast<const std::int64_t*>(place(starts));
      r.sequences.count = static_cast<std::int64_t>(shape.starts.size()) - 1;
    }
    return r;
  }
};

struct SsdShape {
  DType dtype = DType::f32;
  std::int64_t batch = 1, length = 1, heads = 1, head_dim = 64, groups = 1, state = 128;
  std::int64_t chunk = 0;
  bool gate = false, d = true, bias = true, softplus = true, initial = false, final = true;
  bool norm = false;  ///< with the gate
  float dt_min = 0.0F, dt_max = std::numeric_limits<float>::infinity();
  std::int64_t gap = 0;
  std::vector<std::int64_t> starts;
};

struct SsdCase {
  SsdShape shape;
  RowArray x, b, c, dt, z, out;
  Array a, d, dt_bias, initial_state, final_state, starts, norm_weight, squares;

  explicit SsdCase(const SsdShape& s, std::uint64_t seed = 1) : shape(s) {
    Random random(seed);
    const auto rows = [&](std::int64_t width) {
      return RowArray(s.dtype, s.batch, s.length, width, s.gap, 3 * s.gap, s.gap);
    };
    const auto normal = [&](auto...) { return random.normal(0.0, 1.0); };
    x = rows(s.heads * s.head_dim).fill(normal);
    b = rows(s.groups * s.state).fill(normal);
    c = rows(s.groups * s.state).fill(normal);
    dt = rows(s.heads).fill([&](auto, auto t, auto) {
      return s.softplus ? raw_time_step(random, t, -2.0) : random.uniform(0.001, 0.2);
    });
    if (s.gate) z = rows(s.heads * s.head_dim).fill(normal);
    out = rows(s.heads * s.head_dim);
    a = Array(DType::f32, s.heads).fill([&](auto) { return -std::exp(random.uniform(-3.0, 2.8)); });
    if (s.d) d = Array(DType::f32, s.heads).fill(normal);
    if (s.bias)
      dt_bias = Array(DType::f32, s.heads).fill([&](auto) {
        return s.softplus ? random.normal(0.0, 0.1) : random.uniform(0.0, 0.05);
      });
    const std::int64_t sequences =
        s.starts.empty() ? s.batch : static_cast<std::int64_t>(s.starts.size()) - 1;
    const std::int64_t states = sequences * s.heads * s.head_dim * s.state;
    if (s.initial) initial_state = Array(DType::f32, states).fill(normal);
    if (s.final) final_state = Array(DType::f32, states);
    starts = starts_array(s.starts);
    if (!s.norm) return;
    norm_weight = Array(s.dtype, s.heads * s.head_dim).fill(normal);
    squares = Array(DType::f32, s.batch * s.length * ssd_parts(s.heads, s.head_dim));
  }

  template <typename Place>
  SsdArgs args(const Place& place) {
    SsdArgs r;
    r.dtype = shape.dtype;
    r.batch = shape.batch;
    r.length = shape.length;
    r.heads = shape.heads;
    r.head_dim = shape.head_dim;
    r.groups = shape.groups;
    r.state = shape.state;
    r.chunk = shape.chunk;
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
    r.norm_weight = place(norm_weight);
    r.squares = static_cast<float*>(place(squares));
    r.initial_state = static_cast<const float*>(place(initial_state));
    r.final_state = static_cast<float*>(place(final_state));
    r.out = out.view(place(out.array));
    if (!shape.starts.empty()) {
      r.sequences.starts = static_cast<const std::int64_t*>(place(starts));
      r.sequences.count = static_cast<std::int64_t>(shape.starts.size()) - 1;
    }
    return r;
  }
};

struct ConvShape {
  DType dtype = DType::f32;
  std::int64_t batch = 1, length = 1, channels = 1, width = 4;
  bool bias = true, silu = true, initial = false, final = true;
  std::int64_t gap = 0;
  std::vector<std::int64_t> starts;
};

struct ConvCase {
  ConvShape shape;
  RowArray x, out;
  Array weight, bias, initial_state, final_state, starts;

  explicit ConvCase(const ConvShape& s, std::uint64_t seed = 1) : shape(s) {
    Random random(seed);
    const auto normal = [&](auto...) { return random.normal(0.0, 1.0); };
    x = RowArray(s.dtype, s.batch, s.length, s.channels, s.gap, 3 * s.gap, s.gap).fill(normal);
    out = RowArray(s.dtype, s.batch, s.length, s.channels, s.gap, 3 * s.gap, s.gap);
    weight = Array(s.dtype, s.channels * s.width).fill(normal);
    if (s.bias) bias = Array(s.dtype, s.channels).fill(normal);
    const std::int64_t sequences =
        s.starts.empty() ? s.batch : static_cast<std::int64_t>(s.starts.size()) - 1;
    const std::int64_t states = sequences * (s.width - 1) * s.channels;
    if (s.initial) initial_state = Array(s.dtype, states).fill(normal);
    if (s.final) final_state = Array(s.dtype, states);
    starts = starts_array(s.starts);
  }

  template <typename Place>
  CausalConv1dArgs args(const Place& place) {
    CausalConv1dArgs r;
    r.dtype = shape.dtype;
    r.batch = shape.batch;
    r.length = shape.length;
    r.channels = shape.channels;
    r.width = shape.width;
    r.x = x.view(place(x.array));
    r.weight = place(weight);
    r.bias = place(bias);
    r.silu = shape.silu;
    r.initial_state = place(initial_state);
    r.final_state = place(final_state);
    r.out = out.view(place(out.array));
    if (!shape.starts.empty()) {
      r.sequences.starts = static_cast<const std::int64_t*>(place(starts));
      r.sequences.count = static_cast<std::int64_t>(shape.starts.size()) - 1;
    }
    return r;
  }
};

}  // namespace ssmprof::kernels::cases
