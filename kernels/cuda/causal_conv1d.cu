
#include "kernels/cuda/causal_conv1d.hpp"
#include "kernels/cuda/causal_conv1d_params.cuh"
#include "kernels/cuda/math.cuh"
#include "kernels/cuda/packed.cuh"
#include "kernels/cuda/sequences.cuh"

namespace ssmprof::kernels::cuda {
namespace {

/// V neighbouring elements, unconverted. Words rather than elements: an array of 16-bit elements
/// would take one register each.
template <class T, int V>
using Raw = Words<V* static_cast<int>(sizeof(T)) / 4>;

template <class T, int V>
__device__ Raw<T, V> load_raw(const T* p) {
  return load_words<V* static_cast<int>(sizeof(T)) / 4>(p);
}

template <class T, int V>
__device__ void widen_row(float (&to)[V], const Raw<T, V>& from) {
  if constexpr (sizeof(T) == 4) {
#pragma unroll
    for (int i = 0; i < V; ++i) to[i] = __uint_as_float(from.v[i]);
  } else {
#pragma unroll
    for (int i = 0; i < V / 2; ++i) {
      const float2 pair = widen<T>(from.v[i]);
      to[2 * i] = pair.x;
      to[2 * i + 1] = pair.y;
    }
  }
}

template <class T, int V>
__device__ Raw<T, V> narrow_row(const float (&from)[V]) {
  Raw<T, V> to;
  if constexpr (sizeof(T) == 4) {
#pragma unroll
    for (int i = 0; i < V; ++i) to.v[i] = __float_as_uint(from[i]);
  } else {
#pragma unroll
    for (int i = 0; i < V / 2; ++i) to.v[i] = narrow<T>(from[2 * i], from[2 * i + 1]);
  }
  return to;
}

/// The weights of `V` channels, [V, kWidth] in memory, as packs of the same size as a row's.
template <class T, int kWidth, int V>
__device__ void load_weights(float (&w)[kWidth][V], const T* weight) {
#pragma unroll
  for (int part = 0; part < kWidth; ++part) {
    float values[V];
    widen_row<T, V>(values, load_raw<T, V>(weight + part * V));
#pragma unroll
    for (int i = 0; i < V; ++i) w[(part * V + i) % kWidth][(part * V + i) / kWidth] = values[i];
  }
}

/// The sequence a thread is in: rows [start, end), states at `index`.
struct Place {
  std::int64_t index, start, end;
};

/// Width kWidth, rows in accesses of V channels. Two groups of kAhead rows are in flight: one is
/// loaded while the other is computed.
template <class T, int kWidth, int V, int kAhead, bool kVarlen>
__global__ void __launch_bounds__(kConvThreads) conv_kernel(const ConvParams p) {
  // 32-bit division: the 64-bit one takes a noticeable part of a short launch.
  const std::uint32_t id = blockIdx.x * kConvThreads + threadIdx.x;
  const std::uint32_t chunk = id / p.vectors, vector = id - chunk * p.vectors;
  const std::int64_t channel = static_cast<std::int64_t>(vector) * V;
  if (chunk >= p.chunks) return;
  const std::int64_t first = chunk * p.chunk_length;
  const std::int64_t last = first + p.chunk_length < p.length ? first + p.chunk_length : p.length;
  const std::int64_t batch = blockIdx.y;
  const T* x = reinterpret_cast<const T*>(p.x) + batch * p.x_batch + channel + first * p.x_row;
  T* out = reinterpret_cast<T*>(p.out) + batch * p.out_batch + channel + first * p.out_row;

  Raw<T, V> rows[2][kAhead] = {};
  int left = static_cast<int>(last - first);  // rows not yet loaded
  const auto load_rows = [&](Raw<T, V>(&to)[kAhead]) {
#pragma unroll
    for (int j = 0; j < kAhead; ++j) {
      if (j < left) to[j] = load_raw<T, V>(x);
      x += p.x_row;
    }
    left -= kAhead;
  };
  load_rows(rows[0]);

  float w[kWidth][V], offset[V] = {};
  load_weights<T, kWidth, V>(w, reinterpret_cast<const T*>(p.weight) + channel * kWidth);
  if (p.bias != nullptr)
    widen_row<T, V>(offset, load_raw<T, V>(reinterpret_cast<const T*>(p.bias) + channel));

  Place place{batch, 0, p.length};
  if constexpr (kVarlen) find_sequence(p.sequences, first, place.index, place.start, place.end);
  // window[k] is row t - (kWidth - 1) + k; rows before the sequence come from the initial state.
  float window[kWidth][V];
  const auto fill = [&](std::int64_t t) {
    const T* base = reinterpret_cast<const T*>(p.x) + batch * p.x_batch + channel;
#pragma unroll
    for (int k = 0; k < kWidth - 1; ++k) {
      const std::int64_t row = t - (kWidth - 1) + k;
      Raw<T, V> raw{};
      if (row >= place.start)
        raw = load_raw<T, V>(base + row * p.x_row);
      else if (p.initial_state != nullptr)
        raw = load_raw<T, V>(reinterpret_cast<const T*>(p.initial_state) + channel +
                             (place.index * (kWidth - 1) + kWidth - 1 + (row - place.start)) *
                                 p.channels);
      widen_row<T, V>(window[k], raw);
    }
  };
  // The last kWidth-1 rows of [initial state, sequence] become the final state.
  const auto finish = [&] {
    T* state =
        reinterpret_cast<T*>(p.final_state) + channel + place.index * (kWidth - 1) * p.channels;
#pragma unroll
    for (int k = 0; k < kWidth - 1; ++k)
      store_words(state + static_cast<std::int64_t>(k) * p.channels, narrow_row<T, V>(window[k]));
  };
  fill(first);

  std::int64_t t = first;
  const auto compute = [&](const Raw<T, V>(&group)[kAhead]) {
#pragma unroll
    for (int j = 0; j < kAhead; ++j) {
      if (t + j >= last) continue;
      if constexpr (kVarlen) {
        while (t + j >= place.end) {
          ++place.index;
          place.start = place.end;
          place.end = p.sequences.starts[place.index + 1];
          fill(t + j);
        }
      }
      widen_row<T, V>(window[kWidth - 1], group[j]);
      float result[V];
#pragma unroll
      for (int i = 0; i < V; ++i) {
        float sum = offset[i];
#pragma unroll
        for (int k = 0; k < kWidth; ++k) sum = fmaf(w[k][i], window[k][i], sum);
        result[i] = p.silu ? silu<kPrecise<T>>(sum) : sum;
#pragma unroll
        for (int k = 0; k < kWidth - 1; ++k) window[k][i] = window[k + 1][i];
      }
      store_words(out, narrow_row<T, V>(result));
      out += p.out_row;
      if (p.final_state != nullptr && t + j + 1 == place.end) finish();
    }
    t += kAhead;
  };
  while (t < last) {
    load_rows(rows[1]);
    compute(rows[0]);
    load_rows(rows[0]);
    compute(rows[1]);
  }
}

/// Any width up to kMaxConvWidth and any alignment: one thread per element, nothing kept.
template <class T>
__global__ void __launch_bounds__(kConvThreads) conv_plain_kernel(const ConvParams p) {
  const std::int64_t id = static_cast<std::int64_t>(blockIdx.x) * kConvThreads + threadIdx.x;
  const std::int64_t t = id / p.channels;
  const std::int64_t channel = id - t * p.channels;
  if (t >= p.length) return;
  const std::int64_t batch = blockIdx.y;
  Place place{batch, 0, p.length};
  if (p.sequences.starts != nullptr)
    find_sequence(p.sequences, t, place.index, place.start, place.end);
  const T* x = reinterpret_cast<const T*>(p.x) + batch * p.x_batch + channel;
  const T* weight = reinterpret_cast<const T*>(p.weight) + channel * p.width;
  const T* bias = reinterpret_cast<const T*>(p.bias);
  const std::int64_t states = (place.index * (p.width - 1)) * p.channels + channel;
  const auto row_at = [&](std::int64_t row) {
    if (row >= place.start) return x[row * p.x_row];
    if (p.initial_state == nullptr) return from_float<T>(0.0F);
    return reinterpret_cast<const T*>(
        p.initial_state)[states + (p.width - 1 + (row - place.start)) * p.channels];
  };
  float sum = bias != nullptr ? to_float(bias[channel]) : 0.0F;
  for (int k = 0; k < p.width; ++k)
    sum = fmaf(to_float(weight[k]), to_float(row_at(t - (p.width - 1) + k)), sum);
  reinterpret_cast<T*>(p.out)[batch * p.out_batch + t * p.out_row + channel] =
      from_float<T>(p.silu ? silu<kPrecise<T>>(sum) : sum);
  if (p.final_state != nullptr && t + 1 == place.end)
    for (int k = 0; k < p.width - 1; ++k)
      reinterpret_cast<T*>(p.final_state)[states + k * p.channels] =
          row_at(t + 1 - (p.width - 1) + k);
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
  T kept[kMaxConvWidth];
#pragma unroll
  for (int k = 0; k < kMaxConvWidth - 1; ++k) {
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
  for (int k = 0; k < kMaxConvWidth - 1; ++k)
    if (k < p.width - 1)
      reinterpret_cast<T*>(p.final_state)[base + static_cast<std::int64_t>(k) * p.channels] =
          kept[k];
}

/// Tokens per thread: long enough to make the halo of three rows cheap, short enough to fill the
/// device.
std::int64_t chunk_length_for(std::int64_t batch, std::int64_t length, std::int64_t vectors) {
  constexpr std::int64_t kWantedThreads = 132 * 512;
  for (std::int64_t tokens : {64, 32, 16})
    if (batch * blocks_for(length, tokens) * vectors >= kWantedThreads) return tokens;
  return 8;
}

template <class T>
void launch_conv(ConvParams p, std::int64_t batch, bool vector, cudaStream_t stream) {
  const auto grid = [&](std::int64_t threads) {
    return dim3(static_cast<unsigned>(blocks_for(threads, kConvThreads)),
                static_cast<unsigned>(batch));
  };
  if (vector) {
    const auto go = [&]<int kAhead>() {
      const dim3 blocks = grid(static_cast<std::int64_t>(p.vectors) * p.chunks);
      if (p.sequences)
        conv_kernel<T, 4, kConvChannels, kAhead, true><<<blocks, kConvThreads, 0, stream>>>(p);
      else
        conv_kernel<T, 4, kConvChannels, kAhead, false><<<blocks, kConvThreads, 0, stream>>>(p);
    };
    p.vectors = static_cast<std::uint32_t>(p.channels / kConvChannels);
    p.chunk_length = chunk_length_for(batch, p.length, p.vectors);
    p.chunks = static_cast<std::uint32_t>(blocks_for(p.length, p.chunk_length));
    if (p.chunk_length > 8)
      go.template operator()<8>();
    else
      go.template operator()<4>();
  } else {
    conv_plain_kernel<T><<<grid(p.length * p.channels), kConvThreads, 0, stream>>>(p);
  }
  check_launch("causal_conv1d");
}

}  // namespace

void causal_conv1d(const CausalConv1dArgs& args, void* stream_pointer) {
  auto* const stream = static_cast<cudaStream_t>(stream_pointer);
  ConvParams p = params_of(args);
  const bool aliased = args.final_state != nullptr && args.final_state == args.initial_state;
  if (aliased) p.final_state = nullptr;
  dispatch(args.dtype, [&](auto type) {
    using T = decltype(type);
    launch_conv<T>(p, args.batch, args.width == 4 && vectors_fit<T>(args), stream);
    if (aliased && args.width > 1) {
      p.final_state = static_cast<char*>(args.final_state);
      const std::int64_t count = args.sequences ? args.sequences.count : args.batch;
      const dim3 grid(static_cast<unsigned>(blocks_for(args.channels, kConvThreads)),
                      static_cast<unsigned>(count));
      conv_final_state_kernel<T><<<grid, kConvThreads, 0, stream>>>(p);
      check_launch("causal_conv1d final state");
    }
  });
}

}  // namespace ssmprof::kernels::cuda
