#include "kernels/cuda/causal_conv1d.hpp"
#include "kernels/cuda/causal_conv1d_params.cuh"
#include "kernels/cuda/math.cuh"
#include "kernels/cuda/programmatic.cuh"

namespace ssmprof::kernels::cuda {
namespace {

/// One decode step: shift the state, one output row. A thread owns V channels of one sequence.
template <class T, int kWidth, int V>
__global__ void __launch_bounds__(kConvThreads) conv_update_kernel(const ConvParams p) {
  constexpr int kTaps = kWidth > 0 ? kWidth : kMaxConvWidth;
  const int width = kWidth > 0 ? kWidth : p.width;
  const std::uint32_t id = blockIdx.x * kConvThreads + threadIdx.x;
  const std::uint32_t row = id / p.vectors;
  const std::int64_t channel = static_cast<std::int64_t>(id - row * p.vectors) * V;
  wait_for_previous_grid();
  let_next_grid_start();
  if (row >= p.chunks) return;
  const std::int64_t batch = row;
  const T* state =
      reinterpret_cast<const T*>(p.initial_state) + batch * (width - 1) * p.channels + channel;
  Pack<T, V> window[kTaps];
#pragma unroll
  for (int k = 0; k < kTaps - 1; ++k)
    if (k < width - 1) {
      if (p.initial_state != nullptr)
        window[k] = load_pack<V>(state + static_cast<std::int64_t>(k) * p.channels);
      else
#pragma unroll
        for (int i = 0; i < V; ++i) window[k].v[i] = from_float<T>(0.0F);
    }
  const auto x = load_pack<V>(reinterpret_cast<const T*>(p.x) + batch * p.x_batch + channel);
  const T* weight = reinterpret_cast<const T*>(p.weight) + channel * width;
  const T* bias = reinterpret_cast<const T*>(p.bias);
  Pack<T, V> out;
  Pack<T, kTaps> taps[V];
  if constexpr (kWidth > 0) {
#pragma unroll
    for (int i = 0; i < V; ++i) taps[i] = load_pack<kTaps>(weight + i * kTaps);
  } else {
#pragma unroll
    for (int k = 0; k < kTaps; ++k)
      if (k < width) taps[0].v[k] = weight[k];
  }
#pragma unroll
  for (int i = 0; i < V; ++i) {
    float sum = bias != nullptr ? to_float(bias[channel + i]) : 0.0F;
#pragma unroll
    for (int k = 0; k < kTaps - 1; ++k)
      if (k < width - 1) sum = fmaf(to_float(taps[i].v[k]), to_float(window[k].v[i]), sum);
    T newest = taps[i].v[kTaps - 1];
    if constexpr (kWidth == 0) newest = weight[width - 1];
    sum = fmaf(to_float(newest), to_float(x.v[i]), sum);
    if (p.silu) sum = silu<kPrecise<T>>(sum);
    out.v[i] = from_float<T>(sum);
  }
  store_pack(reinterpret_cast<T*>(p.out) + batch * p.out_batch + channel, out);
  if (p.final_state == nullptr) return;
  T* next = reinterpret_cast<T*>(p.final_state) + batch * (width - 1) * p.channels + channel;
#pragma unroll
  for (int k = 0; k < kTaps - 1; ++k)
    if (k < width - 1)
      store_pack(next + static_cast<std::int64_t>(k) * p.channels,
                 k < width - 2 ? window[k + 1] : x);
}

}  // namespace

void causal_conv1d_update(const CausalConv1dArgs& args, const Launch& where) {
  ConvParams p = params_of(args);
  p.chunks = static_cast<std::uint32_t>(args.batch);
  dispatch(args.dtype, [&](auto type) {
    using T = decltype(type);
    const bool vector = args.width == 4 && vectors_fit<T>(args);
    p.vectors = static_cast<std::uint32_t>(vector ? args.channels / kConvChannels : args.channels);
    const auto grid = static_cast<unsigned>(
        blocks_for(static_cast<std::int64_t>(p.vectors) * args.batch, kConvThreads));
    if (vector)
      launch_overlapping("causal_conv1d_update", conv_update_kernel<T, 4, kConvChannels>, grid,
                         kConvThreads, 0, where, p);
    else
      launch_overlapping("causal_conv1d_update", conv_update_kernel<T, 0, 1>, grid, kConvThreads, 0,
                         where, p);
  });
}

}  // namespace ssmprof::kernels::cuda
