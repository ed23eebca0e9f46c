#include <algorithm>

#include "kernels/cuda/math.cuh"
#include "kernels/cuda/programmatic.cuh"
#include "kernels/cuda/rms_norm.hpp"

namespace ssmprof::kernels::cuda {
namespace {

/// One block per row. So many vectors of V channels of a thread stay in registers between the
/// statistics and the output; longer rows are read again. Fewer threads, with more each, where they
/// have a row's scale to wait for.
template <int V, bool kScaled>
constexpr int kHeldVectors = V > 1 && !kScaled ? 1 : 2;

constexpr std::int64_t kMost = 1024;  ///< threads of a block

/// A token's rows.
template <class X, class R>
struct Source {
  const X* x;
  const R* residual;
  R* residual_out;
};

/// V channels as they lie in memory.
template <int V, class X, class R>
struct Raw {
  Pack<X, V> x;
  Pack<R, V> residual;

  __device__ void load(const Source<X, R>& from, std::int64_t channel) {
    x = load_pack<V>(from.x + channel);
    if (from.residual != nullptr) residual = load_pack<V>(from.residual + channel);
  }
  /// s = x · scale + residual.
  __device__ void sum(float (&s)[V], bool has_residual, float scale) const {
#pragma unroll
    for (int i = 0; i < V; ++i) {
      s[i] = to_float(x.v[i]) * scale;
      if (has_residual) s[i] += to_float(residual.v[i]);
    }
  }
};

/// A lane's parts of a token's sum of squares. Every warp sums them for itself.
struct LaneSquares {
  static constexpr int kAtOnce = 4;  ///< loads under way; there are seldom more
  float first[kAtOnce];

  __device__ void load(const RowScale& scale, std::int64_t row) {
    const float* const own = scale.squares + row * scale.row_stride + threadIdx.x % kWarp;
    const std::int64_t left = scale.parts - threadIdx.x % kWarp;
#pragma unroll
    for (int i = 0; i < kAtOnce; ++i) first[i] = i * kWarp < left ? own[i * kWarp] : 0.0F;
  }
  /// Of the row; alike in all lanes.
  __device__ float scale_of(const RowScale& scale, std::int64_t row) const {
    float sum = 0.0F;
#pragma unroll
    for (int i = 0; i < kAtOnce; ++i) sum += first[i];
#pragma unroll 1
    for (std::int64_t p = threadIdx.x % kWarp + kAtOnce * kWarp; p < scale.parts; p += kWarp)
      sum += scale.squares[row * scale.row_stride + p];
    return rsqrtf(warp_sum(sum) / static_cast<float>(scale.channels) + scale.eps);
  }
};

template <class T, class X, class R, int V, bool kScaled>
__global__ void __launch_bounds__(kMost) rms_norm_kernel(const RmsNormArgs a) {
  constexpr int kHeld = kHeldVectors<V, kScaled>;
  const std::int64_t token = blockIdx.x;
  const Source<X, R> from{static_cast<const X*>(a.x.data) + token * a.x.row_stride,
                          a.residual.data != nullptr ? static_cast<const R*>(a.residual.data) +
                                                           token * a.residual.row_stride
                                                     : nullptr,
                          a.residual_out.data != nullptr ? static_cast<R*>(a.residual_out.data) +
                                                               token * a.residual_out.row_stride
                                                         : nullptr};
  T* out = static_cast<T*>(a.out.data) + token * a.out.row_stride;
  const T* weight = static_cast<const T*>(a.weight);
  const std::int64_t step = static_cast<std::int64_t>(blockDim.x) * V;
  const std::int64_t own = static_cast<std::int64_t>(threadIdx.x) * V;

  wait_for_previous_grid();
  let_next_grid_start();
  // Everything is on its way before the first sum waits for its own.
  Raw<V, X, R> raw[kHeld];
#pragma unroll
  for (int h = 0; h < kHeld; ++h)
    if (own + h * step < a.channels) raw[h].load(from, own + h * step);
  float x_scale = 1.0F;
  if constexpr (kScaled) {
    LaneSquares squares;
    squares.load(a.x_scale, token);
    x_scale = squares.scale_of(a.x_scale, token);
  }

  float held[kHeld][V];
  float sum = 0.0F;
  const auto take = [&](float(&s)[V], const Raw<V, X, R>& of, std::int64_t channel) {
    of.sum(s, from.residual != nullptr, x_scale);
    if (from.residual_out != nullptr) {
      Pack<R, V> pack;
#pragma unroll
      for (int i = 0; i < V; ++i) pack.v[i] = from_float<R>(s[i]);
      store_pack(from.residual_out + channel, pack);
    }
#pragma unroll
    for (int i = 0; i < V; ++i) sum = fmaf(s[i], s[i], sum);
  };
#pragma unroll
  for (int h = 0; h < kHeld; ++h)
    if (own + h * step < a.channels) take(held[h], raw[h], own + h * step);
  // Later columns are kept nowhere but in memory: where residual_out may be in the residual's
  // place, the sum, else what it is made of.
  for (std::int64_t channel = own + kHeld * step; channel < a.channels; channel += step) {
    Raw<V, X, R> later;
    later.load(from, channel);
    float s[V];
    take(s, later, channel);
  }

  __shared__ float partial[kWarp];
  sum = warp_sum(sum);
  if (threadIdx.x % kWarp == 0) partial[threadIdx.x / kWarp] = sum;
  __syncthreads();
  float total = 0.0F;
  const int warps = static_cast<int>(blockDim.x) / kWarp;
  for (int w = 0; w < warps; ++w) total += partial[w];
  const float scale = rsqrtf(total / static_cast<float>(a.channels) + a.eps);

  const auto give = [&](const float(&s)[V], std::int64_t channel) {
    const auto w = load_pack<V>(weight + channel);
    Pack<T, V> pack;
#pragma unroll
    for (int i = 0; i < V; ++i) pack.v[i] = from_float<T>(s[i] * scale * to_float(w.v[i]));
    store_pack(out + channel, pack);
  };
#pragma unroll
  for (int h = 0; h < kHeld; ++h)
    if (own + h * step < a.channels) give(held[h], own + h * step);
  for (std::int64_t channel = own + kHeld * step; channel < a.channels; channel += step) {
    float s[V];
    if (from.residual_out != nullptr) {
      const auto pack = load_pack<V>(from.residual_out + channel);
#pragma unroll
      for (int i = 0; i < V; ++i) s[i] = to_float(pack.v[i]);
    } else {
      Raw<V, X, R> later;
      later.load(from, channel);
      later.sum(s, from.residual != nullptr, x_scale);
    }
    give(s, channel);
  }
}

template <class T, class X, class R, int V, bool kScaled>
void launch_form(const RmsNormArgs& a, const Launch& where) {
  constexpr std::int64_t kOfThread = V * kHeldVectors<V, kScaled>;
  const std::int64_t wanted = blocks_for(blocks_for(a.channels, kOfThread), kWarp) * kWarp;
  launch_overlapping("rms_norm", rms_norm_kernel<T, X, R, V, kScaled>,
                     static_cast<unsigned>(a.tokens), static_cast<int>(std::min(wanted, kMost)), 0,
                     where, a);
}

template <class T, class X, class R>
void launch(const RmsNormArgs& a, const Launch& where) {
  constexpr int V = 8;
  const auto fits = [](const ConstRows& r, std::size_t size) {
    return rows_aligned(r.data, 0, r.row_stride, size, size * V);
  };
  const bool vector = a.channels % V == 0 && fits(a.x, sizeof(X)) && fits(a.residual, sizeof(R)) &&
                      fits(a.residual_out, sizeof(R)) && fits(a.out, sizeof(T)) &&
                      reinterpret_cast<std::uintptr_t>(a.weight) % (sizeof(T) * V) == 0;
  const bool scaled = a.x_scale.squares != nullptr;
  if (vector) {
    scaled ? launch_form<T, X, R, V, true>(a, where) : launch_form<T, X, R, V, false>(a, where);
  } else {
    scaled ? launch_form<T, X, R, 1, true>(a, where) : launch_form<T, X, R, 1, false>(a, where);
  }
}

}  // namespace

void rms_norm(const RmsNormArgs& args, const Launch& where) {
  dispatch(args.dtype, [&](auto t) {
    dispatch(args.x_dtype, [&](auto x) {
      dispatch(args.residual_dtype,
               [&](auto r) { launch<decltype(t), decltype(x), decltype(r)>(args, where); });
    });
  });
}

}  // namespace ssmprof::kernels::cuda
