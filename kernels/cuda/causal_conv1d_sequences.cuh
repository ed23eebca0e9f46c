#pragma once

#include "kernels/cuda/causal_conv1d_params.cuh"
#include "kernels/cuda/math.cuh"
#include "kernels/cuda/packed.cuh"
#include "kernels/cuda/programmatic.cuh"
#include "kernels/cuda/sequences.cuh"

namespace ssmprof::kernels::cuda {

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

/// Several sequences in one row buffer. Width kWidth, rows in accesses of V channels. Two groups of
/// kAhead rows are in flight: one is loaded while the other is computed.
template <class T, int kWidth, int V, int kAhead>
__global__ void __launch_bounds__(kConvThreads) conv_sequences_kernel(const ConvParams p) {
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

  wait_for_previous_grid();
  let_next_grid_start();
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
  find_sequence(p.sequences, first, place.index, place.start, place.end);
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
      while (t + j >= place.end) {
        ++place.index;
        place.start = place.end;
        place.end = p.sequences.starts[place.index + 1];
        fill(t + j);
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

}  // namespace ssmprof::kernels::cuda
