#include <algorithm>

#include "kernels/cuda/causal_conv1d.hpp"
#include "kernels/cuda/math.cuh"
#include "kernels/cuda/sequences.cuh"

namespace ssmprof::kernels::cuda {
namespace {

constexpr int kThreads = 128;
constexpr int kMaxWidth = 16;

/// One thread owns `V` neighbouring channels over a chunk of tokens. The window of the last
/// `width - 1` rows stays in registers, so each row is read once per chunk plus a halo.
struct ConvParams {
  const char *x, *weight, *bias, *initial_state;
  char *final_state, *out;
  std::int64_t x_batch, x_row, out_batch, out_row;
  std::int64_t length, channels, vectors, chunks, chunk_length;
  int width;
  bool silu;
  Sequences sequences;
};

template <class T, int V>
__device__ void load_row(float (&to)[V], const T* from) {
  const auto pack = load_pack<V>(from);
#pragma unroll
  for (int i = 0; i < V; ++i) to[i] = to_float(pack.v[i]);
}

/// `kWidth` > 0: the width at compile time; 0: at run time, up to kMaxWidth.
/// `block` rows are in flight at a time.
template <class T, int kWidth, int V, int block, bool kVarlen>
__global__ void __launch_bounds__(kThreads) conv_kernel(const ConvParams p) {
  constexpr int kTaps = kWidth > 0 ? kWidth : kMaxWidth;
  const int width = kWidth > 0 ? kWidth : p.width;
  const std::int64_t id = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  const std::int64_t chunk = id / p.vectors;
  const std::int64_t channel = (id - chunk * p.vectors) * V;
  if (chunk >= p.chunks) return;
  const std::int64_t batch = blockIdx.y;
  const T* x = reinterpret_cast<const T*>(p.x) + batch * p.x_batch + channel;
  T* out = reinterpret_cast<T*>(p.out) + batch * p.out_batch + channel;
  const T* weight = reinterpret_cast<const T*>(p.weight) + channel * width;
  const T* bias = reinterpret_cast<const T*>(p.bias);

  float w[kTaps][V], offset[V];
#pragma unroll
  for (int i = 0; i < V; ++i) {
    offset[i] = bias != nullptr ? to_float(bias[channel + i]) : 0.0F;
#pragma unroll
    for (int k = 0; k < kTaps; ++k) w[k][i] = k < width ? to_float(weight[i * width + k]) : 0.0F;
  }

  const std::int64_t first = chunk * p.chunk_length;
  const std::int64_t last = first + p.chunk_length < p.length ? first + p.chunk_length : p.length;
  // The sequence that `t` lies in: [start, end), with states at `state_row`.
  std::int64_t sequence = batch, start = 0, end = p.length;
  if constexpr (kVarlen) find_sequence(p.sequences, first, sequence, start, end);

  // window[k] is row t - (width - 1) + k; rows before the sequence come from the initial state.
  float window[kTaps][V];
  const auto fill = [&](std::int64_t t) {
#pragma unroll
    for (int k = 0; k < kTaps - 1; ++k) {
      const std::int64_t row = t - (width - 1) + k;
#pragma unroll
      for (int i = 0; i < V; ++i) window[k][i] = 0.0F;
      if (k >= width - 1) continue;
      if (row >= start) {
        load_row(window[k], x + row * p.x_row);
      } else if (p.initial_state != nullptr) {
        const std::int64_t slot = width - 1 + (row - start);
        load_row(window[k], reinterpret_cast<const T*>(p.initial_state) +
                                (sequence * (width - 1) + slot) * p.channels + channel);
      }
    }
  };
  // The last width-1 rows of [initial state, sequence] become the final state.
  const auto finish = [&] {
    T* state = reinterpret_cast<T*>(p.final_state) + sequence * (width - 1) * p.channels + channel;
#pragma unroll
    for (int k = 0; k < kTaps - 1; ++k) {
      if (k >= width - 1) continue;
      Pack<T, V> pack;
#pragma unroll
      for (int i = 0; i < V; ++i) pack.v[i] = from_float<T>(window[k][i]);
      store_pack(state + static_cast<std::int64_t>(k) * p.channels, pack);
    }
  };
  fill(first);
  for (std::int64_t t = first; t < last; t += block) {
    float rows[block][V];
#pragma unroll
    for (int j = 0; j < block; ++j)
      if (t + j < last) load_row(rows[j], x + (t + j) * p.x_row);
#pragma unroll
    for (int j = 0; j < block; ++j) {
      if (t + j >= last) break;
      if constexpr (kVarlen) {
        while (t + j >= end) {
          ++sequence;
          start = end;
          end = p.sequences.starts[sequence + 1];
          fill(t + j);
        }
      }
      Pack<T, V> pack;
#pragma unroll
      for (int i = 0; i < V; ++i) {
        float sum = offset[i];
#pragma unroll
        for (int k = 0; k < kTaps - 1; ++k)
          if (k < width - 1) sum = fmaf(w[k][i], window[k][i], sum);
        float w_last = w[kTaps - 1][i];
        if constexpr (kWidth == 0) {
#pragma unroll
          for (int k = 0; k < kTaps; ++k)
            if (k == width - 1) w_last = w[k][i];
        }
        sum = fmaf(w_last, rows[j][i], sum);
        if (p.silu) sum = silu<kPrecise<T>>(sum);
        pack.v[i] = from_float<T>(sum);
#pragma unroll
        for (int k = 0; k + 1 < kTaps - 1; ++k)
          if (k + 1 < width - 1) window[k][i] = window[k + 1][i];
#pragma unroll
        for (int k = 0; k < kTaps - 1; ++k)
          if (k == width - 2) window[k][i] = rows[j][i];
      }
      store_pack(out + (t + j) * p.out_row, pack);
      if (t + j + 1 == end && p.final_state != nullptr && width > 1) finish();
    }
  }
}

/// Final states on their own, for a final state that aliases the initial one: every thread reads
/// all that it needs before it writes.
template <class T>
__global__ void conv_final_state_kernel(const ConvParams p) {
  const std::int64_t channel = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (channel >= p.channels) return;
  const std::int64_t sequence = blockIdx.y;
  std::int64_t start = 0, end = p.length;
  const T* x = reinterpret_cast<const T*>(p.x) + channel;
  if (p.sequences.starts != nullptr) {
    start = p.sequences.starts[sequence];
    end = p.sequences.starts[sequence + 1];
  } else {
    x += sequence * p.x_batch;
  }
  const std::int64_t base = sequence * (p.width - 1) * p.channels + channel;
  T kept[kMaxWidth];
#pragma unroll
  for (int k = 0; k < kMaxWidth - 1; ++k) {
    if (k >= p.width - 1) continue;
    const std::int64_t row = end - (p.width - 1) + k;
    if (row >= start) {
      kept[k] = x[row * p.x_row];
    } else {
      const std::int64_t slot = p.width - 1 + (row - start);
      kept[k] = p.initial_state != nullptr
                    ? reinterpret_cast<const T*>(p.initial_state)[base + slot * p.channels]
                    : from_float<T>(0.0F);
    }
  }
#pragma unroll
  for (int k = 0; k < kMaxWidth - 1; ++k)
    if (k < p.width - 1)
      reinterpret_cast<T*>(p.final_state)[base + static_cast<std::int64_t>(k) * p.channels] =
          kept[k];
}

/// One decode step: shift the state, one output row. A thread owns V channels of one sequence.
template <class T, int kWidth, int V>
__global__ void __launch_bounds__(kThreads) conv_update_kernel(const ConvParams p) {
  constexpr int kTaps = kWidth > 0 ? kWidth : kMaxWidth;
  const int width = kWidth > 0 ? kWidth : p.width;
  const std::int64_t id = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  const std::int64_t batch = id / p.vectors;
  const std::int64_t channel = (id - batch * p.vectors) * V;
  if (batch >= p.chunks) return;
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
#pragma unroll
  for (int i = 0; i < V; ++i) {
    float sum = bias != nullptr ? to_float(bias[channel + i]) : 0.0F;
#pragma unroll
    for (int k = 0; k < kTaps - 1; ++k)
      if (k < width - 1) sum = fmaf(to_float(weight[i * width + k]), to_float(window[k].v[i]), sum);
    sum = fmaf(to_float(weight[i * width + width - 1]), to_float(x.v[i]), sum);
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

ConvParams params_of(const CausalConv1dArgs& a) {
  ConvParams p{};
  p.x = static_cast<const char*>(a.x.data);
  p.weight = static_cast<const char*>(a.weight);
  p.bias = static_cast<const char*>(a.bias);
  p.initial_state = static_cast<const char*>(a.initial_state);
  p.final_state = static_cast<char*>(a.final_state);
  p.out = static_cast<char*>(a.out.data);
  p.x_batch = a.x.batch_stride;
  p.x_row = a.x.row_stride;
  p.out_batch = a.out.batch_stride;
  p.out_row = a.out.row_stride;
  p.length = a.length;
  p.channels = a.channels;
  p.width = static_cast<int>(a.width);
  p.silu = a.silu;
  p.sequences = a.sequences;
  return p;
}

template <class T>
bool vectors_fit(const CausalConv1dArgs& a) {
  constexpr int V = kVector<T>;
  const auto state_fits = [&](const void* s) {
    return reinterpret_cast<std::uintptr_t>(s) % 16 == 0;
  };
  return a.channels % V == 0 &&
         rows_aligned(a.x.data, a.x.batch_stride, a.x.row_stride, sizeof(T), 16) &&
         rows_aligned(a.out.data, a.out.batch_stride, a.out.row_stride, sizeof(T), 16) &&
         state_fits(a.initial_state) && state_fits(a.final_state);
}

template <class T, int kWidth, int V, int block>
void launch_conv(const ConvParams& p, std::int64_t batch, cudaStream_t stream) {
  const dim3 grid(static_cast<unsigned>(blocks_for(p.vectors * p.chunks, kThreads)),
                  static_cast<unsigned>(batch));
  if (p.sequences)
    conv_kernel<T, kWidth, V, block, true><<<grid, kThreads, 0, stream>>>(p);
  else
    conv_kernel<T, kWidth, V, block, false><<<grid, kThreads, 0, stream>>>(p);
  check_launch("causal_conv1d");
}

/// Tokens per thread: long enough to make the halo cheap, short enough to fill the device.
std::int64_t chunk_length_for(std::int64_t batch, std::int64_t length, std::int64_t vectors) {
  constexpr std::int64_t kWantedThreads = 132 * 1024;
  for (std::int64_t tokens : {64, 32, 16})
    if (batch * blocks_for(length, tokens) * vectors >= kWantedThreads) return tokens;
  return 8;
}

}  // namespace

void causal_conv1d(const CausalConv1dArgs& args, void* stream_pointer) {
  auto* const stream = static_cast<cudaStream_t>(stream_pointer);
  ConvParams p = params_of(args);
  const bool aliased = args.final_state != nullptr && args.final_state == args.initial_state;
  if (aliased) p.final_state = nullptr;
  dispatch(args.dtype, [&](auto type) {
    using T = decltype(type);
    const bool vector = args.width == 4 && vectors_fit<T>(args);
    p.vectors = vector ? args.channels / kVector<T> : args.channels;
    p.chunk_length = chunk_length_for(args.batch, args.length, p.vectors);
    p.chunks = blocks_for(args.length, p.chunk_length);
    if (vector)
      launch_conv<T, 4, kVector<T>, 8>(p, args.batch, stream);
    else if (args.width == 4)
      launch_conv<T, 4, 1, 8>(p, args.batch, stream);
    else
      launch_conv<T, 0, 1, 4>(p, args.batch, stream);
    if (aliased && args.width > 1) {
      p.final_state = static_cast<char*>(args.final_state);
      const std::int64_t count = args.sequences ? args.sequences.count : args.batch;
      const dim3 grid(static_cast<unsigned>(blocks_for(args.channels, kThreads)),
                      static_cast<unsigned>(count));
      conv_final_state_kernel<T><<<grid, kThreads, 0, stream>>>(p);
      check_launch("causal_conv1d final state");
    }
  });
}

void causal_conv1d_update(const CausalConv1dArgs& args, void* stream_pointer) {
  auto* const stream = static_cast<cudaStream_t>(stream_pointer);
  ConvParams p = params_of(args);
  p.chunks = args.batch;
  dispatch(args.dtype, [&](auto type) {
    using T = decltype(type);
    constexpr int V = kVector<T> / 4;  // little work per thread: spread it over more threads
    const bool vector = args.width == 4 && vectors_fit<T>(args);
    p.vectors = vector ? args.channels / V : args.channels;
    const auto grid = static_cast<unsigned>(blocks_for(p.vectors * args.batch, kThreads));
    if (vector)
      conv_update_kernel<T, 4, V><<<grid, kThreads, 0, stream>>>(p);
    else
      conv_update_kernel<T, 0, 1><<<grid, kThreads, 0, stream>>>(p);
    check_launch("causal_conv1d_update");
  });
}

}  // namespace ssmprof::kernels::cuda
