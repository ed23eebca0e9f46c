#pragma once

#include "kernels/cuda/linear_finish.cuh"

/// The end of a linear layer: a block's share of the outputs, four of a row at a time, and how what
/// they need from memory is there when the sums are.
namespace ssmprof::kernels::cuda::linear_detail {

/// An item of finish(): four outputs of a row.
struct Item {
  int row, at, n;
  bool given;

  __device__ Item(const FinishParams& p, int i, int first, int wide) {
    const int quads = wide / 4;
    row = i / quads, at = (i - row * quads) * 4, n = first + at;
    given = row < p.rows && n < p.outputs;
  }
  __device__ int channel(const FinishParams& p) const { return n - p.conv_first; }
  __device__ bool conv(const FinishParams& p) const {
    return given && channel(p) >= 0 && channel(p) < p.conv_channels;
  }
  __device__ std::int64_t place(const FinishParams& p) const {
    return static_cast<std::int64_t>(row) * p.outputs + n;
  }
};

/// What an item needs from memory besides its sums.
template <class T, End kEnd>
struct Extra {
  __device__ void load(const FinishParams&, const Item&) {}
};
template <class T>
struct Extra<T, End::conv> {
  ConvStep<T> step;
  __device__ void load(const FinishParams& p, const Item& item) {
    if (item.conv(p)) step = load_conv<T>(p, item.row, item.channel(p));
  }
};
template <class T>
struct Extra<T, End::residual> {
  ResidualStep<T> step;
  __device__ void load(const FinishParams& p, const Item& item) {
    if (item.given) step = load_residual<T>(p, item.place(p), item.n);
  }
};

/// What the first items of a thread need, asked for before the product: it is there at its end.
template <class T, End kEnd, int kCount>
struct Held {
  Extra<T, kEnd> extra[kCount > 0 ? kCount : 1];

  __device__ void load(const FinishParams& p, int rank, int blocks, int first, int wide) {
    if constexpr (kEnd != End::plain) {
      const int stride = static_cast<int>(blockDim.x), items = wide / 4 * p.rows;
      int i = rank * stride + static_cast<int>(threadIdx.x);
#pragma unroll
      for (int h = 0; h < kCount; ++h, i += blocks * stride)
        if (i < items) extra[h].load(p, Item(p, i, first, wide));
    }
  }
};

/// The same for a convolution over many rows, where registers would not do: the windows of all
/// items of a thread, copied to places of its own in shared memory, and the block's taps and
/// offsets.
template <class T>
struct HeldWindows {
  std::uint32_t windows;  ///< [items of a thread][3][threads] of 8 bytes
  unsigned char* taps;    ///< [outputs of the block] of 8 bytes, then as many offsets

  /// Before finish() the block must meet and the thread wait for its copies.
  __device__ void load(const FinishParams& p, int rank, int blocks, int first, int wide) const {
    const int stride = static_cast<int>(blockDim.x), items = wide / 4 * p.rows;
    const int thread = static_cast<int>(threadIdx.x);
    std::uint32_t to = windows + thread * 8;
    for (int i = rank * stride + thread; i < items; i += blocks * stride, to += 3 * stride * 8) {
      const Item item(p, i, first, wide);
      if (!item.conv(p)) continue;
      const T* const state = static_cast<const T*>(p.conv_state) +
                             static_cast<std::int64_t>(item.row) * 3 * p.conv_channels +
                             item.channel(p);
#pragma unroll
      for (int k = 0; k < 3; ++k) copy_async_8(to + k * stride * 8, state + k * p.conv_channels);
    }
    commit_copies();
    auto* const tap = reinterpret_cast<Pack<T, 4>*>(taps);
    T* const offset = reinterpret_cast<T*>(tap + wide);
    for (int n = thread; n < wide; n += stride) {
      const int channel = first + n - p.conv_first;
      if (channel < 0 || channel >= p.conv_channels) continue;
      tap[n] = load_pack<4>(static_cast<const T*>(p.conv_weight) + channel * 4);
      offset[n] = p.conv_bias != nullptr ? static_cast<const T*>(p.conv_bias)[channel]
                                         : from_float<T>(0.0F);
    }
  }
  __device__ Extra<T, End::conv> get(const FinishParams& p, const Item& item, int h,
                                     int wide) const {
    Extra<T, End::conv> extra{};
    if (!item.conv(p)) return extra;
    const int stride = static_cast<int>(blockDim.x);
    const std::uint32_t from = windows + (h * 3 * stride + static_cast<int>(threadIdx.x)) * 8;
#pragma unroll
    for (int k = 0; k < 3; ++k)
      extra.step.window[k] = load_shared_8<Pack<T, 4>>(from + k * stride * 8);
    const auto* const tap = reinterpret_cast<const Pack<T, 4>*>(taps);
#pragma unroll
    for (int j = 0; j < 4; ++j) extra.step.taps[j] = tap[item.at + j];
    extra.step.offset = load_pack<4>(reinterpret_cast<const T*>(tap + wide) + item.at);
    return extra;
  }
};

/// Bytes that HeldWindows needs: the windows, then the taps, which are aligned to 8.
constexpr int held_windows_bytes(int rows, int wide, int blocks, int threads) {
  const int turns = (wide / 4 * rows + blocks * threads - 1) / (blocks * threads);
  return turns * 3 * threads * 8;
}
constexpr int held_taps_bytes(int wide) {
  return wide * 10;
}

/// Brings into the L2 what Held will read and no kernel in flight writes: weights, and the
/// convolution's state, which the layer's own step of the token before has left.
template <class T, End kEnd>
__device__ void prefetch_end(const FinishParams& p, int rank, int blocks, int first, int wide) {
  if constexpr (kEnd != End::plain) {
    const int stride = static_cast<int>(blockDim.x), items = wide / 4 * p.rows;
    for (int i = rank * stride + static_cast<int>(threadIdx.x); i < items; i += blocks * stride) {
      const Item item(p, i, first, wide);
      if constexpr (kEnd == End::residual) {
        if (item.given && item.row == 0) prefetch(static_cast<const T*>(p.norm_weight) + item.n);
      } else if (item.conv(p)) {
        const int channel = item.channel(p);
        if (item.row == 0) {
          prefetch(static_cast<const T*>(p.conv_weight) + channel * 4);
          if (p.conv_bias != nullptr) prefetch(static_cast<const T*>(p.conv_bias) + channel);
        }
#pragma unroll
        for (int k = 0; k < 3; ++k)
          prefetch(static_cast<const T*>(p.conv_state) +
                   (static_cast<std::int64_t>(item.row) * 3 + k) * p.conv_channels + channel);
      }
    }
  }
}

/// One item of finish(); whole warps together.
template <class T, End kEnd>
__device__ void finish_item(const FinishParams& p, const SumsAt& s, const Item& item,
                            const Extra<T, kEnd>& extra) {
  float v[4] = {}, squares = 0.0F;
  if (item.given) {
    const std::uint32_t from = s.sums + (item.row * s.pitch + item.at) * 4;
    for (int w = 0; w < s.along; ++w) {
#pragma unroll 4
      for (int b = 0; b < s.blocks; ++b) {
        const float4 part = load_cluster(from + w * s.table_bytes, b);
        v[0] += part.x, v[1] += part.y, v[2] += part.z, v[3] += part.w;
      }
    }
    const int count = min(4, p.outputs - item.n);
    const float scale = p.squares != nullptr ? s.scales[item.row] : 1.0F;
    Pack<T, 4> out;
#pragma unroll
    for (int j = 0; j < 4; ++j) {
      v[j] *= scale;
      if (p.bias != nullptr && j < count)
        v[j] += to_float(static_cast<const T*>(p.bias)[item.n + j]);
      out.v[j] = from_float<T>(v[j]);
    }
    bool written = false;
    if constexpr (kEnd == End::residual) {
      squares = add_residual<T>(p, extra.step, item.place(p), v);
      written = true;
    }
    if constexpr (kEnd == End::conv) {
      written = item.conv(p);
      if (written) convolve<T>(p, extra.step, item.row, item.channel(p), out);
    }
    if (!written) {
      T* const to = static_cast<T*>(p.y) + item.row * p.y_stride + item.n;
      if (p.packed_y && count == 4) {
        store_pack(to, out);
      } else {
#pragma unroll
        for (int j = 0; j < 4; ++j)
          if (j < count) to[j] = out.v[j];
      }
    }
  }
  if constexpr (kEnd == End::residual) {
    squares = sum_of_four(squares);  // kLinearPart outputs
    if (item.given && threadIdx.x % 4 == 0) p.next_squares[item.place(p) / 16] = squares;
  }
}

/// The sums of all tables of all blocks of the cluster, in one fixed order; this block's part of
/// the outputs [first, first + wide). All threads, whole warps together.
template <class T, End kEnd, int kCount>
__device__ void finish(const FinishParams& p, const SumsAt& s, int first, int wide,
                       const Held<T, kEnd, kCount>& held) {
  const int items = wide / 4 * p.rows, stride = s.blocks * static_cast<int>(blockDim.x);
  const int lane = threadIdx.x % kWarp;
  int i = s.rank * static_cast<int>(blockDim.x) + static_cast<int>(threadIdx.x);
#pragma unroll
  for (int h = 0; h < kCount; ++h, i += stride)
    if (i - lane < items) finish_item<T, kEnd>(p, s, Item(p, i, first, wide), held.extra[h]);
  for (; i - lane < items; i += stride) {
    const Item item(p, i, first, wide);
    Extra<T, kEnd> extra;
    extra.load(p, item);
    finish_item<T, kEnd>(p, s, item, extra);
  }
}

template <class T>
__device__ void finish(const FinishParams& p, const SumsAt& s, int first, int wide,
                       const HeldWindows<T>& held) {
  const int items = wide / 4 * p.rows, stride = s.blocks * static_cast<int>(blockDim.x);
  const int lane = threadIdx.x % kWarp;
  int i = s.rank * static_cast<int>(blockDim.x) + static_cast<int>(threadIdx.x);
  for (int h = 0; i - lane < items; ++h, i += stride) {
    const Item item(p, i, first, wide);
    finish_item<T, End::conv>(p, s, item, held.get(p, item, h, wide));
  }
}

}  // namespace ssmprof::kernels::cuda::linear_detail
