#pragma once

#include "kernels/causal_conv1d.hpp"
#include "kernels/cuda/common.cuh"

/// What the convolution over a sequence and its decode step share.
namespace ssmprof::kernels::cuda {

constexpr int kConvThreads = 128;
/// Channels per thread: 8- or 16-byte accesses. Eight 16-bit channels would need twice the
/// registers and leave too few rows in flight.
constexpr int kConvChannels = 4;
constexpr int kMaxConvWidth = 16;

/// One thread owns `V` neighbouring channels over a chunk of tokens. The window of the last
/// `width - 1` rows stays in registers, so each row is read once per chunk plus a halo.
struct ConvParams {
  const char *x, *weight, *bias, *initial_state;
  char *final_state, *out;
  std::int64_t x_batch, x_row, out_batch, out_row;
  std::int64_t length, channels, chunk_length;
  std::uint32_t vectors, chunks;  ///< per row; of a sequence, or batch rows in a decode step
  int width;
  bool silu;
  Sequences sequences;
};

inline ConvParams params_of(const CausalConv1dArgs& a) {
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
  constexpr int V = kConvChannels;
  const auto fits = [&](const void* s) { return reinterpret_cast<std::uintptr_t>(s) % 16 == 0; };
  return a.channels % V == 0 &&
         rows_aligned(a.x.data, a.x.batch_stride, a.x.row_stride, sizeof(T), 16) &&
         rows_aligned(a.out.data, a.out.batch_stride, a.out.row_stride, sizeof(T), 16) &&
         fits(a.initial_state) && fits(a.final_state) && fits(a.weight) && fits(a.bias);
}

}  // namespace ssmprof::kernels::cuda
