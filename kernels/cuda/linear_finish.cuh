#pragma once

#include "kernels/cuda/linear_device.cuh"
#include "kernels/cuda/math.cuh"
#include "kernels/linear.hpp"

/// What happens to the sums of a linear layer: the scale of their row, bias, and then y, a step of
/// the convolution or the residual stream (kernels/linear.hpp).
namespace ssmprof::kernels::cuda::linear_detail {

struct FinishParams {
  const void* bias;
  void* y;
  std::int64_t y_stride;
  int rows, outputs;
  bool packed_y;  ///< four outputs in one store

  const float* squares;  ///< null: no scale
  int parts;
  float channels, eps;

  int conv_first, conv_channels;  ///< 0 channels: no convolution
  const void* conv_weight;
  const void* conv_bias;
  void* conv_state;
  void* convolved;
  std::int64_t convolved_stride;

  void* residual;  ///< null: none
  bool residual_f32;
  const void* norm_weight;
  void* next;
  float* next_squares;
};

inline FinishParams finish_params(const LinearArgs& a) {
  FinishParams f{};
  f.bias = a.bias, f.y = a.y.data, f.y_stride = a.y.row_stride;
  f.rows = static_cast<int>(a.rows), f.outputs = static_cast<int>(a.outputs);
  f.packed_y = reinterpret_cast<std::uintptr_t>(a.y.data) % 8 == 0 &&
               (a.rows == 1 || a.y.row_stride % 4 == 0);
  f.squares = a.scale.squares, f.parts = static_cast<int>(a.scale.parts);
  f.channels = static_cast<float>(a.scale.channels), f.eps = a.scale.eps;
  f.conv_first = static_cast<int>(a.conv.first);
  f.conv_channels = static_cast<int>(a.conv.channels);
  f.conv_weight = a.conv.weight, f.conv_bias = a.conv.bias, f.conv_state = a.conv.state;
  f.convolved = a.conv.out.data, f.convolved_stride = a.conv.out.row_stride;
  f.residual = a.residual.data, f.residual_f32 = a.residual.dtype == DType::f32;
  f.norm_weight = a.residual.weight, f.next = a.residual.next;
  f.next_squares = a.residual.squares;
  return f;
}

/// What is behind the product, known when compiled: these kernels are short, and code that is not
/// run still has to be fetched.
enum class End { plain, conv, residual };

/// Where a block's sums lie: `along` tables [rows, wide] of floats in its own shared memory and in
/// that of the other blocks of its cluster; `scales` [rows] behind.
struct SumsAt {
  std::uint32_t sums, table_bytes;
  int pitch;  ///< of a row, in floats
  int along, blocks, rank;
  const float* scales;
};

/// The scales of all rows into shared memory; the first `warps` warps. One asks for its first row's
/// parts before `meanwhile` and adds them up after.
template <class Meanwhile>
__device__ void scale_rows(const FinishParams& p, float* scales, int warps, Meanwhile&& meanwhile) {
  const int lane = threadIdx.x % kWarp;
  const int first = static_cast<int>(threadIdx.x) / kWarp;
  constexpr int kAhead = 5;
  float ahead[kAhead] = {};
  if (p.squares != nullptr && first < p.rows)
#pragma unroll
    for (int i = 0; i < kAhead; ++i)
      if (i * kWarp + lane < p.parts) ahead[i] = p.squares[first * p.parts + i * kWarp + lane];
  meanwhile();
  if (p.squares == nullptr) return;
  for (int row = first; row < p.rows; row += warps) {
    float sum = 0.0F;
#pragma unroll
    for (int i = 0; i < kAhead; ++i) {
      const int part = i * kWarp + lane;
      if (row == first)
        sum += ahead[i];
      else if (part < p.parts)
        sum += p.squares[row * p.parts + part];
    }
    for (int part = kAhead * kWarp + lane; part < p.parts; part += kWarp)
      sum += p.squares[row * p.parts + part];
    sum = warp_sum(sum);
    if (lane == 0) scales[row] = rsqrtf(sum / p.channels + p.eps);
  }
}

/// The scales of all rows by kThreads threads, eight lanes to a row, the loads of several rows in
/// flight together.
template <int kThreads>
__device__ void scale_many_rows(const FinishParams& p, float* scales, int thread) {
  if (p.squares == nullptr) return;
  constexpr int kGroups = kThreads / 8, kAtOnce = 3;
  const int lane = thread % 8;
  for (int first = thread / 8; first - thread / 8 < p.rows; first += kGroups * kAtOnce) {
    float sums[kAtOnce] = {};
    const auto add = [&](auto&& at, int each) {
#pragma unroll 5
      for (int part = lane * each; part < p.parts; part += 8 * each)
#pragma unroll
        for (int i = 0; i < kAtOnce; ++i)
          if (const int row = first + i * kGroups; row < p.rows)
            sums[i] += at(p.squares + row * p.parts + part);
    };
    if (p.parts % 4 == 0)
      add(
          [](const float* from) {
            const auto v = load_pack<4>(from);
            return (v.v[0] + v.v[1]) + (v.v[2] + v.v[3]);
          },
          4);
    else
      add([](const float* from) { return *from; }, 1);
#pragma unroll
    for (int i = 0; i < kAtOnce; ++i) {
      const float sum = sum_of_eight(sums[i]);
      if (const int row = first + i * kGroups; lane == 0 && row < p.rows)
        scales[row] = rsqrtf(sum / p.channels + p.eps);
    }
  }
}

/// Four neighbouring channels' windows, taps and offsets.
template <class T>
struct ConvStep {
  Pack<T, 4> window[3], taps[4], offset;
};

template <class T>
__device__ ConvStep<T> load_conv(const FinishParams& p, int row, int channel) {
  ConvStep<T> c;
  const T* const state =
      static_cast<const T*>(p.conv_state) + static_cast<std::int64_t>(row) * 3 * p.conv_channels;
#pragma unroll
  for (int k = 0; k < 3; ++k) c.window[k] = load_pack<4>(state + k * p.conv_channels + channel);
#pragma unroll
  for (int j = 0; j < 4; ++j)
    c.taps[j] = load_pack<4>(static_cast<const T*>(p.conv_weight) + (channel + j) * 4);
  c.offset = p.conv_bias != nullptr ? load_pack<4>(static_cast<const T*>(p.conv_bias) + channel)
                                    : Pack<T, 4>{};
  return c;
}

template <class T>
__device__ void convolve(const FinishParams& p, const ConvStep<T>& c, int row, int channel,
                         const Pack<T, 4>& newest) {
  Pack<T, 4> out;
#pragma unroll
  for (int j = 0; j < 4; ++j) {
    float sum = to_float(c.offset.v[j]);
#pragma unroll
    for (int k = 0; k < 3; ++k)
      sum = fmaf(to_float(c.taps[j].v[k]), to_float(c.window[k].v[j]), sum);
    sum = fmaf(to_float(c.taps[j].v[3]), to_float(newest.v[j]), sum);
    out.v[j] = from_float<T>(silu<true>(sum));
  }
  T* const state =
      static_cast<T*>(p.conv_state) + static_cast<std::int64_t>(row) * 3 * p.conv_channels;
  store_pack(state + channel, c.window[1]);
  store_pack(state + p.conv_channels + channel, c.window[2]);
  store_pack(state + 2 * p.conv_channels + channel, newest);
  store_pack(static_cast<T*>(p.convolved) + row * p.convolved_stride + channel, out);
}

template <class T>
struct ResidualStep {
  float stream[4];
  Pack<T, 4> weight;
};

template <class T>
__device__ ResidualStep<T> load_residual(const FinishParams& p, std::int64_t at, int n) {
  ResidualStep<T> r;
  if (p.residual_f32) {
    const auto v = load_pack<4>(static_cast<const float*>(p.residual) + at);
#pragma unroll
    for (int j = 0; j < 4; ++j) r.stream[j] = v.v[j];
  } else {
    const auto v = load_pack<4>(static_cast<const T*>(p.residual) + at);
#pragma unroll
    for (int j = 0; j < 4; ++j) r.stream[j] = to_float(v.v[j]);
  }
  r.weight = load_pack<4>(static_cast<const T*>(p.norm_weight) + n);
  return r;
}

/// Returns the sum of the squares of the four new values.
template <class T>
__device__ float add_residual(const FinishParams& p, const ResidualStep<T>& r, std::int64_t at,
                              const float (&v)[4]) {
  Pack<float, 4> wide;
  Pack<T, 4> narrow, next;
  float squares = 0.0F;
#pragma unroll
  for (int j = 0; j < 4; ++j) {
    const float sum = r.stream[j] + v[j];
    wide.v[j] = sum, narrow.v[j] = from_float<T>(sum);
    next.v[j] = from_float<T>(sum * to_float(r.weight.v[j]));
    squares = fmaf(sum, sum, squares);
  }
  if (p.residual_f32)
    store_pack(static_cast<float*>(p.residual) + at, wide);
  else
    store_pack(static_cast<T*>(p.residual) + at, narrow);
  store_pack(static_cast<T*>(p.next) + at, next);
  return squares;
}

}  // namespace ssmprof::kernels::cuda::linear_detail
