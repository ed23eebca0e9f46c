#include "kernels/cuda/math.cuh"
#include "kernels/cuda/programmatic.cuh"
#include "kernels/cuda/rms_norm.hpp"

namespace ssmprof::kernels::cuda {
namespace {

/// One block of `threads` per row. Up to kHeld vectors of a thread stay in registers between the
/// statistics and the output; longer rows are read again.
constexpr int kHeld = 4;

template <class X, class R>
struct Source {
  const X* x;
  const R* residual;
  R* residual_out;
  float scale;
};

/// Of a row, alike in every warp, which sums the parts for itself.
__device__ float scale_of(const RowScale& scale, std::int64_t row) {
  if (scale.squares == nullptr) return 1.0F;
  float sum = 0.0F;
  for (std::int64_t p = threadIdx.x % kWarp; p < scale.parts; p += kWarp)
    sum += scale.squares[row * scale.row_stride + p];
  return rsqrtf(warp_sum(sum) / static_cast<float>(scale.channels) + scale.eps);
}

/// s = x · scale + residual at `channel`, V elements.
template <int V, class X, class R>
__device__ void load_sum(float (&s)[V], const Source<X, R>& from, std::int64_t channel) {
  const auto x = load_pack<V>(from.x + channel);
#pragma unroll
  for (int i = 0; i < V; ++i) s[i] = to_float(x.v[i]) * from.scale;
  if (from.residual != nullptr) {
    const auto r = load_pack<V>(from.residual + channel);
#pragma unroll
    for (int i = 0; i < V; ++i) s[i] += to_float(r.v[i]);
  }
}

template <class T, class X, class R, int V>
__global__ void rms_norm_kernel(const RmsNormArgs a) {
  const std::int64_t token = blockIdx.x;
  Source<X, R> from{static_cast<const X*>(a.x.data) + token * a.x.row_stride,
                    a.residual.data != nullptr
                        ? static_cast<const R*>(a.residual.data) + token * a.residual.row_stride
                        : nullptr,
                    a.residual_out.data != nullptr
                        ? static_cast<R*>(a.residual_out.data) + token * a.residual_out.row_stride
                        : nullptr,
                    1.0F};
  T* out = static_cast<T*>(a.out.data) + token * a.out.row_stride;
  const T* weight = static_cast<const T*>(a.weight);
  const std::int64_t step = static_cast<std::int64_t>(blockDim.x) * V;
  const std::int64_t own = static_cast<std::int64_t>(threadIdx.x) * V;

  wait_for_previous_grid();
  let_next_grid_start();
  from.scale = scale_of(a.x_scale, token);
  float held[kHeld][V];
  float sum = 0.0F;
  const auto take = [&](float(&s)[V], std::int64_t channel) {
    load_sum<V>(s, from, channel);
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
    if (own + h * step < a.channels) take(held[h], own + h * step);
  // Later columns: residual_out may alias x or residual, so they are kept nowhere but there.
  for (std::int64_t channel = own + kHeld * step; channel < a.channels; channel += step) {
    float s[V];
    take(s, channel);
  }

  __shared__ float partial[kWarp];
  sum = warp_sum(sum);
  if (threadIdx.x % kWarp == 0) partial[threadIdx.x / kWarp] = sum;
  __syncthreads();
  float total = 0.0F;
  for (int w = 0; w < static_cast<int>(blockDim.x) / kWarp; ++w) total += partial[w];
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
    load_sum<V>(s, from, channel);
    give(s, channel);
  }
}

template <class T, class X, class R>
void launch(const RmsNormArgs& a, const Launch& where) {
  constexpr int V = 4;
  const auto fits = [](const ConstRows& r, std::size_t size) {
    return rows_aligned(r.data, 0, r.row_stride, size, size * V);
  };
  const bool vector = a.channels % V == 0 && fits(a.x, sizeof(X)) && fits(a.residual, sizeof(R)) &&
                      fits(a.residual_out, sizeof(R)) && fits(a.out, sizeof(T)) &&
                      reinterpret_cast<std::uintptr_t>(a.weight) % (sizeof(T) * V) == 0;
  const int width = vector ? V : 1;
  const std::int64_t wanted = blocks_for(blocks_for(a.channels, width * 2), kWarp) * kWarp;
  const int threads = static_cast<int>(wanted < 512 ? wanted : 512);
  const auto blocks = static_cast<unsigned>(a.tokens);
  if (vector)
    launch_overlapping("rms_norm", rms_norm_kernel<T, X, R, V>, blocks, threads, 0, where, a);
  else
    launch_overlapping("rms_norm", rms_norm_kernel<T, X, R, 1>, blocks, threads, 0, where, a);
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
