#pragma once

// Seeded cases of the fused decode steps and what fp64 says of them; see cases.hpp for args(place).

#include "kernels/embed.hpp"
#include "kernels/linear.hpp"

#include "tests/catch.hpp"
#include "tests/kernels/step_cases.hpp"

namespace ssmprof::kernels::cases {

struct FusedLinearShape {
  DType dtype = DType::bf16, residual_dtype = DType::f32;
  std::int64_t rows = 1, inputs = 64, outputs = 64;
  std::int64_t parts = 0;                          ///< 0: no scale
  std::int64_t conv_first = 0, conv_channels = 0;  ///< 0 channels: no convolution
  bool residual = false, bias = false;
};

struct FusedLinearCase {
  FusedLinearShape shape;
  RowArray x, y, convolved;
  Array weight, bias, squares, conv_weight, conv_bias, conv_state, residual, norm_weight, next,
      next_squares;

  explicit FusedLinearCase(const FusedLinearShape& s, std::uint64_t seed = 1) : shape(s) {
    Random random(seed);
    const auto normal = [&](auto...) { return random.normal(0.0, 1.0); };
    x = RowArray(s.dtype, 1, s.rows, s.inputs, 8).fill(normal);
    weight = Array(s.dtype, s.outputs * s.inputs).fill([&](auto) {
      return random.normal(0.0, 1.0 / std::sqrt(static_cast<double>(s.inputs)));
    });
    if (s.bias) bias = Array(s.dtype, s.outputs).fill(normal);
    if (s.parts > 0)
      squares =
          Array(DType::f32, s.rows * s.parts).fill([&](auto) { return random.uniform(0.1, 4.0); });
    if (!s.residual) y = RowArray(s.dtype, 1, s.rows, s.outputs, 4);
    if (s.conv_channels > 0) {
      convolved = RowArray(s.dtype, 1, s.rows, s.conv_channels, 4);
      conv_weight = Array(s.dtype, s.conv_channels * 4).fill(normal);
      conv_bias = Array(s.dtype, s.conv_channels).fill(normal);
      conv_state = Array(s.dtype, s.rows * 3 * s.conv_channels).fill(normal);
    }
    if (s.residual) {
      residual = Array(s.residual_dtype, s.rows * s.outputs).fill(normal);
      norm_weight = Array(s.dtype, s.outputs).fill([&](auto) { return random.normal(1.0, 0.2); });
      next = Array(s.dtype, s.rows * s.outputs);
      next_squares = Array(DType::f32, s.rows * s.outputs / kLinearPart);
    }
  }

  template <typename Place>
  LinearArgs args(const Place& place) {
    LinearArgs r;
    r.dtype = shape.dtype;
    r.rows = shape.rows, r.inputs = shape.inputs, r.outputs = shape.outputs;
    r.x = x.view(place(x.array));
    r.weight = place(weight), r.bias = place(bias);
    r.y = y.view(place(y.array));
    if (shape.parts > 0)
      r.scale = {static_cast<const float*>(place(squares)), shape.parts, shape.inputs, 1e-5F};
    if (shape.conv_channels > 0)
      r.conv = {shape.conv_first, shape.conv_channels, place(conv_weight),
                place(conv_bias), place(conv_state),   convolved.view(place(convolved.array))};
    if (shape.residual)
      r.residual = {shape.residual_dtype, place(residual), place(norm_weight), place(next),
                    static_cast<float*>(place(next_squares))};
    return r;
  }

  /// The product with scale and bias.
  std::vector<double> product() const {
    std::vector<double> values, w;
    for (std::int64_t i = 0; i < shape.outputs * shape.inputs; ++i) w.push_back(weight.get(i));
    for (std::int64_t m = 0; m < shape.rows; ++m) {
      std::vector<double> row;
      for (std::int64_t k = 0; k < shape.inputs; ++k) row.push_back(x.array.get(x.index(0, m, k)));
      double sum = 0;
      for (std::int64_t p = 0; p < shape.parts; ++p) sum += squares.get(m * shape.parts + p);
      const double scale =
          shape.parts > 0 ? 1 / std::sqrt(sum / static_cast<double>(shape.inputs) + 1e-5F) : 1.0;
      for (std::int64_t n = 0; n < shape.outputs; ++n) {
        double v = 0;
        for (std::int64_t k = 0; k < shape.inputs; ++k)
          v += row[static_cast<std::size_t>(k)] * w[static_cast<std::size_t>(n * shape.inputs + k)];
        values.push_back(v * scale + (shape.bias ? bias.get(n) : 0.0));
      }
    }
    return values;
  }
};

/// Runs the case and holds everything it wrote against fp64. `run` makes the arguments, runs them
/// and brings back the arrays it is given.
template <typename Run>
void check_fused_linear(const FusedLinearShape& shape, const Run& run) {
  FusedLinearCase before(shape), test(shape);
  INFO(name_of(shape.dtype) << " stream " << name_of(shape.residual_dtype) << " M " << shape.rows
                            << " N " << shape.outputs << " K " << shape.inputs << " parts "
                            << shape.parts << " conv " << shape.conv_first << " "
                            << shape.conv_channels << " residual " << shape.residual);
  const std::vector<double> product = before.product();
  run(test);
  const double tolerance = 1.5 * rounding_tolerance(shape.dtype);
  const std::int64_t first = shape.conv_first, channels = shape.conv_channels;
  if (shape.residual) {
    std::vector<double> sums, next, squares;
    for (std::int64_t i = 0; i < shape.rows * shape.outputs; ++i) {
      const double sum = before.residual.get(i) + product[static_cast<std::size_t>(i)];
      sums.push_back(sum), next.push_back(sum * before.norm_weight.get(i % shape.outputs));
      if (i % kLinearPart == 0) squares.push_back(0);
      squares.back() += sum * sum;
    }
    CHECK(error_of(sums, test.residual) <= 1.5 * rounding_tolerance(shape.residual_dtype));
    CHECK(error_of(next, test.next) <= tolerance);
    CHECK(error_of(squares, test.next_squares) <= 1e-5);
    return;
  }
  CHECK(test.y.gaps_untouched());
  std::vector<double> expected, got, taps, convolved;
  for (std::int64_t m = 0; m < shape.rows; ++m)
    for (std::int64_t n = 0; n < shape.outputs; ++n) {
      expected.push_back(product[static_cast<std::size_t>(m * shape.outputs + n)]);
      const std::int64_t channel = n - first;
      if (channel < 0 || channel >= channels) {
        got.push_back(test.y.array.get(test.y.index(0, m, n)));
        continue;
      }
      CHECK(std::isnan(test.y.array.get(test.y.index(0, m, n))));
      const auto at = [&](std::int64_t k) { return (m * 3 + k) * channels + channel; };
      got.push_back(test.conv_state.get(at(2)));
      double sum = before.conv_bias.get(channel) +
                   before.conv_weight.get(channel * 4 + 3) * test.conv_state.get(at(2));
      for (std::int64_t k = 0; k < 3; ++k)
        sum += before.conv_weight.get(channel * 4 + k) * before.conv_state.get(at(k));
      convolved.push_back(sum / (1 + std::exp(-sum)));
      CHECK(test.conv_state.get(at(0)) == before.conv_state.get(at(1)));
      CHECK(test.conv_state.get(at(1)) == before.conv_state.get(at(2)));
    }
  CHECK(relative_norm(expected, static_cast<std::int64_t>(got.size()), [&](std::int64_t i) {
          return got[static_cast<std::size_t>(i)];
        }) <= tolerance);
  if (channels == 0) return;
  CHECK(test.convolved.gaps_untouched());
  CHECK(error_of(convolved, test.convolved) <= tolerance);
}

/// dt_proj inside the step of the recurrence: `run` as above.
template <typename Run>
void check_step_with_rank(const ScanStepShape& shape, std::int64_t rank, double dt_tolerance,
                          const Run& run) {
  ScanStepCase test(shape);
  Random random(7);
  test.delta = RowArray(shape.dtype, shape.batch, 1, rank, shape.gap, shape.gap, shape.gap);
  test.delta.fill([&](auto...) { return random.normal(0.0, 1.0); });
  Array weight(shape.dtype, shape.channels * rank);
  weight.fill([&](auto) { return random.normal(0.0, 1.0 / std::sqrt(static_cast<double>(rank))); });

  // The same step with Δ computed beforehand, in fp32 rows.
  ScanStepCase wide = test;
  SelectiveStateUpdateArgs args = wide.args(host_place);
  RowArray delta(DType::f32, shape.batch, 1, shape.channels);
  delta.fill([&](auto b, auto, auto c) {
    double sum = 0;
    for (std::int64_t r = 0; r < rank; ++r)
      sum += test.delta.array.get(test.delta.index(b, 0, r)) * weight.get(c * rank + r);
    return sum;
  });
  const auto expected = [&] {
    const std::vector<double> raw = [&] {
      std::vector<double> values;
      for (std::int64_t i = 0; i < shape.batch * shape.channels; ++i)
        values.push_back(delta.array.get(i));
      return values;
    }();
    reference::Result r;
    for (std::int64_t b = 0; b < shape.batch; ++b)
      for (std::int64_t ch = 0; ch < shape.channels; ++ch) {
        const double u = reference::value(args.dtype, args.u, b, 0, ch);
        const double dt = reference::softplus(
            raw[static_cast<std::size_t>(b * shape.channels + ch)] +
            (args.delta_bias != nullptr ? static_cast<double>(args.delta_bias[ch]) : 0.0));
        double y = args.d != nullptr ? args.d[ch] * u : 0.0;
        for (std::int64_t n = 0; n < shape.state; ++n) {
          const double old = reference::value(args.state_dtype, args.ssm_state,
                                              (b * shape.channels + ch) * shape.state + n);
          const double h = std::exp(dt * args.a[ch * shape.state + n]) * old +
                           dt * reference::value(args.dtype, args.b, b, 0, n) * u;
          r.state.push_back(h);
          y += reference::value(args.dtype, args.c, b, 0, n) * h;
        }
        if (args.z) y *= reference::silu(reference::value(args.dtype, args.z, b, 0, ch));
        r.out.push_back(y);
      }
    return r;
  }();
  run(test, weight, rank);
  INFO(name_of(shape.dtype) << " state " << name_of(shape.state_dtype) << " B " << shape.batch
                            << " C " << shape.channels << " rank " << rank);
  CHECK(error_of(expected.out, test.out) <= 1.5 * rounding_tolerance(shape.dtype) + dt_tolerance);
  CHECK(error_of(expected.state, test.ssm_state) <=
        1.5 * rounding_tolerance(shape.state_dtype) + dt_tolerance);
}

/// The squares and the weight behind the step of Mamba-2's recurrence.
template <typename Run>
void check_step_with_norm(const SsdStepShape& shape, double squares_tolerance, const Run& run) {
  SsdStepCase before(shape), test(shape);
  Random random(9);
  const std::int64_t inner = shape.heads * shape.head_dim;
  const std::int64_t parts = inner / ssd_step_rows(shape.batch, shape.heads, shape.head_dim);
  Array weight(shape.dtype, inner), squares(DType::f32, shape.batch * parts);
  weight.fill([&](auto) { return random.normal(1.0, 0.2); });
  auto expected = reference::ssd_state_update(before.args(host_place));
  std::vector<double> sums(static_cast<std::size_t>(shape.batch), 0.0);
  for (std::int64_t i = 0; i < shape.batch * inner; ++i) {
    double& v = expected.out[static_cast<std::size_t>(i)];
    sums[static_cast<std::size_t>(i / inner)] += v * v;
    v *= weight.get(i % inner);
  }
  run(test, weight, squares);
  INFO(name_of(shape.dtype) << " B " << shape.batch << " H " << shape.heads << " P "
                            << shape.head_dim << " N " << shape.state);
  // The CPU rounds before the weight as well.
  CHECK(error_of(expected.out, test.out) <= 1.6 * rounding_tolerance(shape.dtype));
  CHECK(error_of(expected.state, test.ssm_state) <= rounding_tolerance(shape.state_dtype));
  CHECK(relative_norm(sums, shape.batch, [&](std::int64_t b) {
          double sum = 0;
          for (std::int64_t i = 0; i < parts; ++i) sum += squares.get(b * parts + i);
          return sum;
        }) <= squares_tolerance);
}

/// `run(args, place)`-style as above, over the arrays of an embedding.
struct EmbedCase {
  DType dtype, residual_dtype;
  std::int64_t rows, channels, table_rows = 11;
  std::vector<std::int64_t> ids;
  Array table, norm_weight, residual, next, squares;

  EmbedCase(DType type, DType stream, std::int64_t m, std::int64_t c)
      : dtype(type), residual_dtype(stream), rows(m), channels(c) {
    Random random(3);
    for (std::int64_t i = 0; i < rows; ++i) ids.push_back((5 * i + 3) % table_rows);
    table = Array(dtype, table_rows * channels).fill([&](auto) { return random.normal(0.0, 1.0); });
    norm_weight = Array(dtype, channels).fill([&](auto) { return random.normal(1.0, 0.2); });
    residual = Array(residual_dtype, rows * channels);
    next = Array(dtype, rows * channels);
    squares = Array(DType::f32, rows * channels / kEmbedPart);
  }

  template <typename Place>
  EmbedArgs args(const Place& place, const std::int64_t* placed_ids) {
    EmbedArgs r;
    r.dtype = dtype, r.residual_dtype = residual_dtype;
    r.rows = rows, r.channels = channels, r.ids = placed_ids;
    r.table = place(table), r.norm_weight = place(norm_weight);
    r.residual = place(residual), r.next = place(next);
    r.squares = static_cast<float*>(place(squares));
    return r;
  }

  void check() const {
    std::vector<double> stream, scaled, sums;
    for (std::int64_t i = 0; i < rows * channels; ++i) {
      const double v =
          table.get(ids[static_cast<std::size_t>(i / channels)] * channels + i % channels);
      stream.push_back(v), scaled.push_back(v * norm_weight.get(i % channels));
      if (i % kEmbedPart == 0) sums.push_back(0);
      sums.back() += v * v;
    }
    CHECK(error_of(stream, residual) == 0.0);
    CHECK(error_of(scaled, next) <= rounding_tolerance(dtype));
    CHECK(error_of(sums, squares) <= 1e-5);
  }
};

}  // namespace ssmprof::kernels::cases
