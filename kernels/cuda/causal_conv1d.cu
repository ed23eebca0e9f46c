#include <algorithm>

#include "kernels/cuda/causal_conv1d.hpp"
#include "kernels/cuda/causal_conv1d_sequences.cuh"
#include "kernels/cuda/causal_conv1d_walk.cuh"

namespace ssmprof::kernels::cuda {
namespace {

/// Any width up to kMaxConvWidth and any alignment: one thread per element, nothing kept.
template <class T>
__global__ void __launch_bounds__(kConvThreads) conv_plain_kernel(const ConvParams p) {
  wait_for_previous_grid();
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
  wait_for_previous_grid();
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

/// Threads that one wave of the walking kernel holds on 132 multiprocessors.
constexpr std::int64_t kWave = 132 * 5 * kConvThreads;
constexpr int kWalkWords = 2, kWalkRows = 8;

bool can_walk(const ConvParams& p) {
  return !p.sequences && p.x_row < (1 << 27) && p.out_row < (1 << 27);
}

/// Tokens per thread of long inputs: the halo of three rows is cheap, and the last wave of blocks
/// short (docs/kernels.md).
constexpr std::int64_t kWalkTokens = 24;

/// Short inputs take one step per thread, in several waves of few registers; from there on
/// stretches grow with the length, one wave, up to kWalkTokens.
template <class T>
void launch_walk(ConvParams p, std::int64_t batch, const Launch& where) {
  p.vectors = static_cast<std::uint32_t>(p.channels * sizeof(T) / (4 * kWalkWords));
  const bool brief = batch * blocks_for(p.length, kWalkRows) * p.vectors <= 8 * kWave;
  const std::int64_t fill = blocks_for(batch * p.length * p.vectors, kWave * kWalkRows) * kWalkRows;
  p.chunk_length = brief ? kWalkRows : std::min(fill, kWalkTokens);
  p.chunks = static_cast<std::uint32_t>(blocks_for(p.length, p.chunk_length));
  const dim3 blocks(static_cast<unsigned>(
                        blocks_for(static_cast<std::int64_t>(p.vectors) * p.chunks, kConvThreads)),
                    static_cast<unsigned>(batch));
  launch_overlapping("causal_conv1d",
                     brief ? conv_walk_kernel<T, kWalkWords, kWalkRows, 8, true>
                           : conv_walk_kernel<T, kWalkWords, kWalkRows, 5, false>,
                     blocks, kConvThreads, 0, where, p);
}

/// Tokens per thread where sequences are given: long enough to make the halo cheap, short enough to
/// fill the device.
std::int64_t chunk_length_for(std::int64_t length, std::int64_t vectors) {
  constexpr std::int64_t kWantedThreads = 132 * 512;
  for (std::int64_t tokens : {64, 32, 16})
    if (blocks_for(length, tokens) * vectors >= kWantedThreads) return tokens;
  return 8;
}

template <class T>
void launch_sequences(ConvParams p, const Launch& where) {
  p.vectors = static_cast<std::uint32_t>(p.channels / kConvChannels);
  p.chunk_length = chunk_length_for(p.length, p.vectors);
  p.chunks = static_cast<std::uint32_t>(blocks_for(p.length, p.chunk_length));
  const dim3 blocks(static_cast<unsigned>(
      blocks_for(static_cast<std::int64_t>(p.vectors) * p.chunks, kConvThreads)));
  launch_overlapping("causal_conv1d",
                     p.chunk_length > 8 ? conv_sequences_kernel<T, 4, kConvChannels, 8>
                                        : conv_sequences_kernel<T, 4, kConvChannels, 4>,
                     blocks, kConvThreads, 0, where, p);
}

template <class T>
void launch_conv(const ConvParams& p, std::int64_t batch, bool vector, const Launch& where) {
  if (vector && can_walk(p)) return launch_walk<T>(p, batch, where);
  if (vector && p.sequences) return launch_sequences<T>(p, where);
  const dim3 blocks(static_cast<unsigned>(blocks_for(p.length * p.channels, kConvThreads)),
                    static_cast<unsigned>(batch));
  launch_overlapping("causal_conv1d", conv_plain_kernel<T>, blocks, kConvThreads, 0, where, p);
}

}  // namespace

void causal_conv1d(const CausalConv1dArgs& args, const Launch& where) {
  ConvParams p = params_of(args);
  const bool aliased = args.final_state != nullptr && args.final_state == args.initial_state;
  if (aliased) p.final_state = nullptr;
  dispatch(args.dtype, [&](auto type) {
    using T = decltype(type);
    launch_conv<T>(p, args.batch, args.width == 4 && vectors_fit<T>(args), where);
    if (aliased && args.width > 1) {
      p.final_state = static_cast<char*>(args.final_state);
      const std::int64_t count = args.sequences ? args.sequences.count : args.batch;
      const dim3 grid(static_cast<unsigned>(blocks_for(args.channels, kConvThreads)),
                      static_cast<unsigned>(count));
      launch_overlapping("causal_conv1d final state", conv_final_state_kernel<T>, grid,
                         kConvThreads, 0, where, p);
    }
  });
}

}  // namespace ssmprof::kernels::cuda
