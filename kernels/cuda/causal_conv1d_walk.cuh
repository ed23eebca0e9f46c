#pragma once

#include "kernels/cuda/causal_conv1d_params.cuh"
#include "kernels/cuda/math.cuh"
#include "kernels/cuda/packed.cuh"
#include "kernels/cuda/programmatic.cuh"

namespace ssmprof::kernels::cuda {

/// Width 4. A thread owns kWords words of neighbouring channels over a stretch of `chunk_length`
/// tokens, in steps of kRows rows: the next step's rows are loaded before one is computed. Rows
/// stay packed as they are in memory, and a step's outputs take the place of rows that no later
/// window needs. Row strides fit in 27 bits. `kSingle`: a stretch is one step.
template <class T, int kWords, int kRows, int kBlocks, bool kSingle>
__global__ void __launch_bounds__(kConvThreads, kBlocks) conv_walk_kernel(const ConvParams p) {
  constexpr int kWidth = 4, kHalo = kWidth - 1, kPerWord = 4 / sizeof(T), V = kWords * kPerWord;
  const std::uint32_t id = blockIdx.x * kConvThreads + threadIdx.x;
  const std::uint32_t chunk = id / p.vectors, vector = id - chunk * p.vectors;
  const std::int64_t batch = blockIdx.y, channel = static_cast<std::int64_t>(vector) * V;
  const std::int64_t first = chunk * p.chunk_length;
  wait_for_previous_grid();
  let_next_grid_start();
  if (chunk >= p.chunks) return;
  int left =
      static_cast<int>(p.length - first < p.chunk_length ? p.length - first : p.chunk_length);
  const int x_row = static_cast<int>(p.x_row), out_row = static_cast<int>(p.out_row);
  const T* x = reinterpret_cast<const T*>(p.x) + batch * p.x_batch + channel + first * p.x_row;
  T* out = reinterpret_cast<T*>(p.out) + batch * p.out_batch + channel + first * p.out_row;

  Words<kWords> rows[kRows + kHalo] = {}, next[kRows] = {};
  const auto load = [&](auto& all, auto from, int wanted) {
    constexpr int kFrom = decltype(from)::value;
    if (wanted >= kRows) {
#pragma unroll
      for (int j = 0; j < kRows; ++j) all[kFrom + j] = load_words<kWords>(x + j * x_row);
    } else {
#pragma unroll
      for (int j = 0; j < kRows; ++j)
        if (j < wanted) all[kFrom + j] = load_words<kWords>(x + j * x_row);
    }
    x += kRows * x_row;
  };
  if (first > 0) {
#pragma unroll
    for (int k = 0; k < kHalo; ++k) rows[k] = load_words<kWords>(x + (k - kHalo) * x_row);
  } else if (p.initial_state != nullptr) {
    const T* initial =
        reinterpret_cast<const T*>(p.initial_state) + batch * kHalo * p.channels + channel;
#pragma unroll
    for (int k = 0; k < kHalo; ++k) rows[k] = load_words<kWords>(initial + k * p.channels);
  }
  load(rows, std::integral_constant<int, kHalo>(), left);
  Words<4> taps[kWords];  // of the channels of each word
  const T* weight = reinterpret_cast<const T*>(p.weight) + channel * kWidth;
#pragma unroll
  for (int q = 0; q < kWords; ++q) taps[q] = load_words<4>(weight + q * kPerWord * kWidth);
  Words<kWords> offsets{};
  if (p.bias != nullptr) offsets = load_words<kWords>(reinterpret_cast<const T*>(p.bias) + channel);

  const auto values = [](float(&to)[kPerWord], std::uint32_t word) {
    if constexpr (kPerWord == 1) {
      to[0] = __uint_as_float(word);
    } else {
      const float2 pair = widen<T>(word);
      to[0] = pair.x, to[1] = pair.y;
    }
  };
  const bool ends = p.final_state != nullptr && first + p.chunk_length >= p.length;
  while (left > 0) {
    if constexpr (!kSingle) load(next, std::integral_constant<int, 0>(), left - kRows);
    if (ends && left <= kRows) {  // the last rows of [initial state, sequence]
      T* state = reinterpret_cast<T*>(p.final_state) + batch * kHalo * p.channels + channel;
#pragma unroll
      for (int j = 1; j < kRows + kHalo; ++j) {
        const int k = j - left;
        if (k >= 0 && k < kHalo) store_words(state + k * p.channels, rows[j]);
      }
    }
    Words<kWords> halo[kHalo];
#pragma unroll
    for (int k = 0; k < kHalo; ++k) halo[k] = rows[kRows + k];
#pragma unroll
    for (int q = 0; q < kWords; ++q) {
      float w[kPerWord][kWidth], offset[kPerWord], window[kWidth][kPerWord];
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        float part[kPerWord];
        values(part, taps[q].v[i]);
#pragma unroll
        for (int e = 0; e < kPerWord; ++e)
          w[(i * kPerWord + e) / kWidth][(i * kPerWord + e) % kWidth] = part[e];
      }
      values(offset, offsets.v[q]);
#pragma unroll
      for (int k = 0; k < kHalo; ++k) values(window[k], rows[k].v[q]);
#pragma unroll
      for (int j = 0; j < kRows; ++j) {
        values(window[kHalo], rows[j + kHalo].v[q]);
        float result[kPerWord];
#pragma unroll
        for (int e = 0; e < kPerWord; ++e) {
          float sum = offset[e];
#pragma unroll
          for (int k = 0; k < kWidth; ++k) sum = fmaf(w[e][k], window[k][e], sum);
          result[e] = p.silu ? silu<kPrecise<T>>(sum) : sum;
#pragma unroll
          for (int k = 0; k < kHalo; ++k) window[k][e] = window[k + 1][e];
        }
        if constexpr (kPerWord == 1)
          rows[j].v[q] = __float_as_uint(result[0]);
        else
          rows[j].v[q] = narrow<T>(result[0], result[1]);
      }
    }
    if (left >= kRows) {
#pragma unroll
      for (int j = 0; j < kRows; ++j) store_words(out + j * out_row, rows[j]);
    } else {
#pragma unroll
      for (int j = 0; j < kRows; ++j)
        if (j < left) store_words(out + j * out_row, rows[j]);
    }
    if constexpr (kSingle) return;
    out += kRows * out_row;
    left -= kRows;
#pragma unroll
    for (int k = 0; k < kHalo; ++k) rows[k] = halo[k];
#pragma unroll
    for (int j = 0; j < kRows; ++j) rows[kHalo + j] = next[j];
  }
}

}  // namespace ssmprof::kernels::cuda
