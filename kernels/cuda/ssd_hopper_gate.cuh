#pragma once

#include "kernels/cuda/ssd_hopper_fragments.cuh"

/// The gate, and what the norm behind it needs: its weight, and the sums of squares of a token's 64
/// rows of the state. A thread has two tokens, of 16 rows each, as the accumulators' layout has it.
namespace ssmprof::kernels::cuda::ssd_detail {

/// Two words when 16·j < `left`, else zeros: a predicate, no branch. Relaxed, for the compiler
/// moves other loads to where they are used.
template <int j>
__device__ __forceinline__ void load_gate_words(std::uint32_t& a, std::uint32_t& b, const void* p,
                                                int left) {
  asm volatile(
      "{\n.reg .pred q;\nsetp.gt.s32 q, %3, %4;\nmov.b32 %0, 0;\nmov.b32 %1, 0;\n"
      "@q ld.relaxed.gpu.global.v2.u32 {%0, %1}, [%2];\n}"
      : "=&r"(a), "=&r"(b)
      : "l"(p), "r"(left), "n"(16 * j));
}

__device__ __forceinline__ float silu_fast(float z) {
  return z * sm90::reciprocal_fast(1.0F + sm90::exp2_fast(-1.4426950408889634F * z));
}

/// The gate of a warp's 16 tokens of each chunk, and their sums.
template <typename T>
struct GateRows {
  const T* z;  ///< of the first token; unused where the gate comes through the ring
  float* squares;
  int tokens;   ///< from the first one to the end of the sequence
  int columns;  ///< of the pair

  __device__ GateRows(const HopperParams& p, const HopperUnit& u, int w, int warp) {
    const SsdArgs& a = p.args;
    const int head = u.head(p, w), row0 = u.row0(p, w);
    const std::int64_t token = u.start + warp * 16;
    z = static_cast<const T*>(a.z.data) + u.batch * a.z.batch_stride + token * a.z.row_stride +
        static_cast<std::int64_t>(head) * a.head_dim + row0;
    const int part = head * static_cast<int>(p.cut.row_tiles.by) + row0 / 64;
    squares = a.squares ? a.squares + (u.batch * a.length + token) * p.cut.parts + part : nullptr;
    tokens = u.rows - warp * 16;
    columns = min(64, static_cast<int>(a.head_dim) - row0);
  }
  /// Starts to load what exchange() brings into the layout of the accumulators: four columns of a
  /// 32-byte sector per thread, where an accumulator has two of each half.
  __device__ __forceinline__ void load(const HopperParams& p, std::uint32_t (&o)[4][4]) const {
    const unsigned lane = sm90::thread_again() % 32;
    const int token = static_cast<int>(lane / 4);
    const int column = static_cast<int>(lane % 2 * 8 + lane % 4 / 2 * 4);
    const T* const first = z + token * p.args.z.row_stride + column;
    const T* const second = first + 8 * p.args.z.row_stride;
    const int left = columns - column;
    const int left0 = token < tokens ? left : 0, left1 = token + 8 < tokens ? left : 0;
    load_gate_words<0>(o[0][0], o[0][2], first, left0);
    load_gate_words<0>(o[0][1], o[0][3], second, left1);
    load_gate_words<1>(o[1][0], o[1][2], first + 16, left0);
    load_gate_words<1>(o[1][1], o[1][3], second + 16, left1);
    load_gate_words<2>(o[2][0], o[2][2], first + 32, left0);
    load_gate_words<2>(o[2][1], o[2][3], second + 32, left1);
    load_gate_words<3>(o[3][0], o[3][2], first + 48, left0);
    load_gate_words<3>(o[3][1], o[3][3], second + 48, left1);
  }
  /// Of what load() gave for 16 columns: the neighbour has the other half of each thread's columns.
  static __device__ __forceinline__ void exchange(std::uint32_t (&o)[4], bool odd) {
#pragma unroll
    for (int row = 0; row < 2; ++row) {
      std::uint32_t &a = o[row], &b = o[row + 2];
      const std::uint32_t got = __shfl_xor_sync(0xffffffffU, odd ? a : b, 1);
      a = odd ? got : a;
      b = odd ? b : got;
    }
  }
  /// Writes the sums over the thread's columns of its two tokens, summed over the four threads.
  __device__ __forceinline__ void store(const HopperParams& p, float (&sums)[2]) const {
    const unsigned lane = sm90::thread_again() % 32;
    const int token = static_cast<int>(lane / 4);
    float* const to = squares + token * p.cut.parts;
#pragma unroll
    for (int row = 0; row < 2; ++row) {
      sums[row] += __shfl_xor_sync(0xffffffffU, sums[row], 1);
      sums[row] += __shfl_xor_sync(0xffffffffU, sums[row], 2);
      const bool wanted = squares && lane % 4 == 0 && token + row * 8 < tokens;
      asm volatile("{\n.reg .pred q;\nsetp.ne.s32 q, %0, 0;\n@q st.global.f32 [%1], %2;\n}" ::"r"(
                       wanted ? 1 : 0),
                   "l"(to + row * 8 * p.cut.parts), "f"(sums[row])
                   : "memory");
    }
  }
  /// To the next chunk.
  __device__ __forceinline__ void advance(const HopperParams& p) {
    z += kSsdChunk * p.args.z.row_stride;
    if (squares) squares += kSsdChunk * p.cut.parts;
    tokens -= static_cast<int>(kSsdChunk);
  }
};

/// The norm's weight for the pair's rows, or ones, into shared memory: a warpgroup.
template <typename T>
__device__ __forceinline__ void weights_to_shared(const HopperParams& p, const HopperUnit& u,
                                                  std::uint32_t weights, int w) {
  const int thread = static_cast<int>(sm90::thread_again() % 128), row = u.row0(p, w) + thread;
  if (thread < 64) {
    float v = 1.0F;
    if (p.args.norm_weight && row < p.args.head_dim) {
      v = to_float(static_cast<const T*>(p.args.norm_weight)[u.head(p, w) * p.args.head_dim + row]);
    }
    sm90::store_shared4(weights + thread * 4, v);
  }
  sm90::group_barrier(1 + w, 128);
}

/// (y + D·x) · SiLU(z) · weight in 16 bits, and the sums of squares before the weight. x: where
/// ldmatrix reads the warp's own rows; z: likewise, or 0: o is as GateRows loads it. `weights`: in
/// shared memory.
template <typename T, bool kRingGate>
__device__ __forceinline__ void finish_gated(std::uint32_t (&o)[4][4], const float (&y)[32],
                                             std::uint32_t x, std::uint32_t z,
                                             std::uint32_t weights, float skip, float (&sums)[2]) {
  const unsigned lane = sm90::thread_again() % 32;
  weights += lane % 4 * 8;
  sums[0] = sums[1] = 0.0F;
#pragma unroll
  for (int j = 0; j < 4; ++j) {
    std::uint32_t own[4];
    sm90::ldmatrix_x4(own, x ^ (j * 32));
    if constexpr (kRingGate) {
      sm90::ldmatrix_x4(o[j], z ^ (j * 32));
    } else {
      GateRows<T>::exchange(o[j], lane % 2 != 0);
    }
#pragma unroll
    for (int i = 0; i < 4; ++i) {  // row half i % 2, column block 2j + i / 2
      const float2 v = unpack2<T>(own[i]), gate = unpack2<T>(o[j][i]);
      const float2 weight = sm90::load_shared8(weights + (16 * j + 8 * (i / 2)) * 4);
      const float lo = fmaf(skip, v.x, y[8 * j + 2 * i]) * silu_fast(gate.x);
      const float hi = fmaf(skip, v.y, y[8 * j + 2 * i + 1]) * silu_fast(gate.y);
      sums[i % 2] = fmaf(lo, lo, sums[i % 2]);
      sums[i % 2] = fmaf(hi, hi, sums[i % 2]);
      o[j][i] = pack2<T>(lo * weight.x, hi * weight.y);
    }
  }
}

}  // namespace ssmprof::kernels::cuda::ssd_detail
