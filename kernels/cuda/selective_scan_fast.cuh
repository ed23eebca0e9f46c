#pragma once

#include "kernels/cuda/math.cuh"
#include "kernels/cuda/packed.cuh"
#include "kernels/cuda/selective_scan_layout.cuh"
#include "kernels/selective_scan.hpp"

/// The selective scan for 16-bit tensors, sequential in time, one launch.
///
/// A block owns 4·kPer channels (kPer = 32 / kLanes) and walks them in rounds of 32 tokens. Its
/// four upper warps prepare the next round (softplus, Δ·u, B and C transposed into shared memory)
/// and finish the last one (D·u, gate, store); its four lower warps advance kPer channels each:
/// kLanes lanes hold kStates states each, one EX2 and three FP32 operations per state and token.
/// The sum over states Σ C·h runs on the tensor cores (TF32: C is exact, h loses its bits below
/// 2^-10): the lanes' own registers are the A operand, so no shuffles are needed. One barrier per
/// round. What limits it: docs/kernels.md.
namespace ssmprof::kernels::cuda {

struct ScanFastParams {
  SelectiveScanArgs args;
};

/// The tensor cores drop the bits of h below 2^-10 of its exponent: on average 2^-11 / (2·ln 2) of
/// its value (mantissas spread evenly in the logarithm). The sums are given that back.
constexpr float kTruncation = 1.0003522F;

/// What one thread loads of a round, unconverted.
template <class L>
struct RawRound {
  Words<L::kWords> u, delta;
  Words<4> bc[L::kOctetsPerThread];
};

/// Walks one thread's part of the rows: token `token` of each round, kPer channels; and the octets
/// part, part + 4, … of that token's B and C.
template <class T, class L, bool kOctetsAligned>
struct RowReader {
  const T *u, *delta, *z, *bc[L::kOctetsPerThread];
  std::int64_t u_step, delta_step, z_step, bc_step[L::kOctetsPerThread];  ///< per round
  int state, part;
  bool channels_valid;

  /// `valid`: the thread's token lies inside the sequence. What is not read keeps its old, finite
  /// value; Δ = 0 makes it harmless.
  __device__ void next(RawRound<L>& raw, bool valid) {
    load_words_if(raw.u, u, valid && channels_valid);
    load_words_if(raw.delta, delta, valid && channels_valid);
    u += u_step;
    delta += delta_step;
#pragma unroll
    for (int i = 0; i < L::kOctetsPerThread; ++i) {
      if constexpr (kOctetsAligned) {
        load_words_if(raw.bc[i], bc[i],
                      valid && part + 4 * i < L::kOctets && L::octet_state(part + 4 * i) < state);
      } else if (valid && part + 4 * i < L::kOctets) {
        const auto* bits = reinterpret_cast<const unsigned short*>(bc[i]);
        const int n = L::octet_state(part + 4 * i);
#pragma unroll
        for (int w = 0; w < 4; ++w) {
          raw.bc[i].v[w] = n + 2 * w < state ? __ldg(bits + 2 * w) : 0U;
          if (n + 2 * w + 1 < state)
            raw.bc[i].v[w] |= static_cast<std::uint32_t>(__ldg(bits + 2 * w + 1)) << 16;
        }
      }
      bc[i] += bc_step[i];
    }
  }

  /// z lags behind: it is needed only when a round's output is finished.
  __device__ void next_z(Words<L::kWords>& raw, bool valid) {
    load_words_if(raw, z, valid && channels_valid && z != nullptr);
    z += z_step;
  }
};

/// Both halves of the block meet here, each in its own loop.
__device__ inline void block_barrier() {
  asm volatile("bar.sync 0, 256;" ::: "memory");
}

template <class T, int kLanes, int kStates, int kBlocksPerSm, bool kOctetsAligned>
__global__ void __launch_bounds__(256, kBlocksPerSm) scan_fast_kernel(const ScanFastParams p) {
  using L = ScanLayout<kLanes, kStates>;
  const SelectiveScanArgs& a = p.args;
  extern __shared__ float4 shared_raw[];
  auto* const shared = reinterpret_cast<float*>(shared_raw);

  const int thread = threadIdx.x % 128, lane = thread % 32, warp = thread / 32;
  const std::int64_t item = blockIdx.y;
  std::int64_t start = 0, length = a.length;
  if (a.sequences.starts != nullptr) {
    start = a.sequences.starts[item];
    length = a.sequences.starts[item + 1] - start;
  }
  const std::int64_t batch = a.sequences.starts != nullptr ? 0 : item;
  const std::int64_t block_channel = static_cast<std::int64_t>(blockIdx.x) * L::kChannels;

  const int rounds = static_cast<int>((length + 31) / 32);
  const int last_tokens = static_cast<int>(length - 32LL * (rounds - 1));

  if (threadIdx.x >= 128) {
    // As preparer: token `thread / 4` of the round, kPer channels from `own_channel`.
    const int token = thread / 4, part = thread % 4;
    const std::int64_t own_channel = block_channel + part * L::kPer;
    const std::int64_t first_row = start + token;
    const auto row_of = [&](const ConstRows& r) {
      return static_cast<const T*>(r.data) + batch * r.batch_stride + first_row * r.row_stride;
    };
    RowReader<T, L, kOctetsAligned> reader;
    reader.u = row_of(a.u) + own_channel;
    reader.delta = row_of(a.delta) + own_channel;
    reader.z = a.z.data != nullptr ? row_of(a.z) + own_channel : nullptr;
    reader.u_step = 32 * a.u.row_stride;
    reader.delta_step = 32 * a.delta.row_stride;
    reader.z_step = a.z.data != nullptr ? 32 * a.z.row_stride : 0;
    reader.state = static_cast<int>(a.state);
    reader.part = part;
    reader.channels_valid = own_channel < a.channels;
#pragma unroll
    for (int i = 0; i < L::kOctetsPerThread; ++i) {
      const int index = part + 4 * i;
      const ConstRows& rows = index < L::kOctets / 2 ? a.b : a.c;
      reader.bc[i] = row_of(rows) + L::octet_state(index);
      reader.bc_step[i] = 32 * rows.row_stride;
    }
    T* out = static_cast<T*>(a.out.data) + batch * a.out.batch_stride +
             first_row * a.out.row_stride + own_channel;
    const std::int64_t out_step = 32 * a.out.row_stride;
    const bool gated = a.z.data != nullptr, soft = a.delta_softplus;

    float bias[L::kPer], skip[L::kPer];
#pragma unroll
    for (int i = 0; i < L::kPer; ++i) {
      bias[i] =
          reader.channels_valid && a.delta_bias != nullptr ? a.delta_bias[own_channel + i] : 0;
      skip[i] = reader.channels_valid && a.d != nullptr ? a.d[own_channel + i] : 0;
    }
    const int own_step = L::step_at(part * L::kPer, token);
    const int own_partial = L::kPartialAt + L::partial_at(part, 0, 0) + token;
    int own_bc[L::kOctetsPerThread];
#pragma unroll
    for (int i = 0; i < L::kOctetsPerThread; ++i) {
      own_bc[i] = L::octet_at(part + 4 * i, token);
    }

    const auto prepare = [&](const RawRound<L>& raw, bool valid, float* buffer) {
#pragma unroll
      for (int w = 0; w < L::kWords; ++w) {
        const float2 u = widen<T>(raw.u.v[w]), d = widen<T>(raw.delta.v[w]);
#pragma unroll
        for (int half = 0; half < 2; ++half) {
          const int i = 2 * w + half;
          float step = (half == 0 ? d.x : d.y) + bias[i];
          step = select(soft, softplus<false>(step), step);
          step = select(valid, step, 0.0F);
          *reinterpret_cast<float2*>(buffer + own_step + i * L::kStepRow) = {
              step, step * (half == 0 ? u.x : u.y)};
        }
      }
#pragma unroll
      for (int o = 0; o < L::kOctetsPerThread; ++o) {
        if (L::kOctets % 4 != 0 && part + 4 * o >= L::kOctets) continue;
#pragma unroll
        for (int w = 0; w < 4; ++w)
          buffer[own_bc[o] + w * L::kRow] = __uint_as_float(raw.bc[o].v[w]);
      }
    };

    // The sums over states come in kQuads parts; D·u and the gate follow.
    const auto finish = [&](const Words<L::kWords>& u_raw, const Words<L::kWords>& z_raw,
                            bool valid, const float* buffer) {
      float sums[L::kPer];
#pragma unroll
      for (int i = 0; i < L::kPer; ++i) {
        float parts[L::kQuads];
#pragma unroll
        for (int s = 0; s < L::kQuads; ++s) parts[s] = buffer[own_partial + L::partial_at(0, i, s)];
#pragma unroll
        for (int width = L::kQuads / 2; width > 0; width /= 2)
#pragma unroll
          for (int s = 0; s < width; ++s) parts[s] += parts[s + width];
        sums[i] = kTruncation * parts[0];
      }
      Words<L::kWords> packed;
#pragma unroll
      for (int w = 0; w < L::kWords; ++w) {
        const float2 u = widen<T>(u_raw.v[w]), z = widen<T>(z_raw.v[w]);
        const float y0 = fmaf(skip[2 * w], u.x, sums[2 * w]);
        const float y1 = fmaf(skip[2 * w + 1], u.y, sums[2 * w + 1]);
        packed.v[w] = narrow<T>(y0 * select(gated, silu<false>(z.x), 1.0F),
                                y1 * select(gated, silu<false>(z.y), 1.0F));
      }
      store_words_if(out, packed, valid && reader.channels_valid);
      out += out_step;
    };

    const auto inside = [&](int round) {
      return token < (round < rounds - 1 ? 32 : round == rounds - 1 ? last_tokens : 0);
    };
    if (rounds == 0) return;
    RawRound<L> raw{};
    reader.next(raw, inside(0));
    prepare(raw, inside(0), shared);
    Words<L::kWords> u_now = raw.u, u_before{}, z{};
    reader.next(raw, inside(1));
    float *here = shared, *there = shared + L::kBuffer;
    // The first round finishes nothing: its output pointer steps onto row 0 instead.
    out -= out_step;
    for (int r = 0; r < rounds; ++r) {
      block_barrier();
      finish(u_before, z, r > 0, there);
      reader.next_z(z, inside(r));
      prepare(raw, inside(r + 1), there);
      u_before = u_now;
      u_now = raw.u;
      reader.next(raw, inside(r + 2));
      float* const swap = here;
      here = there;
      there = swap;
    }
    block_barrier();
    finish(u_before, z, inside(rounds - 1), there);
    return;
  }

  // As worker: lane `lane % kLanes` of channel `warp · kPer + lane / kLanes`.
  const int worker_channel = warp * L::kPer + lane / kLanes;
  const std::int64_t channel = block_channel + worker_channel;
  const bool worker_valid = channel < a.channels;
  const std::int64_t state_row = (item * a.channels + (worker_valid ? channel : 0)) * a.state;
  float decay[kStates], h[kStates];
#pragma unroll
  for (int k = 0; k < kStates; ++k) {
    const int n = lane % kLanes * kStates + k;
    const bool valid = worker_valid && n < a.state;
    decay[k] = valid ? a.a[channel * a.state + n] * kLog2e : 0.0F;
    h[k] = valid && a.initial_state != nullptr ? a.initial_state[state_row + n] : 0.0F;
  }
  const int group = lane / 4, quad = lane % 4;
  const int own_quad = group % L::kQuads;  // which four lanes of its channel this one is among
  // The product leaves this group's sum in the columns of lane own_quad of the four, and, as B's
  // columns repeat every 2·kQuads, in those of own_quad + kQuads, …: each of these lanes keeps
  // other tokens. It keeps the pairs of tokens `keeps`, keeps + 4 / kQuads, ….
  constexpr int kKeepers = 4 / L::kQuads;
  const bool keeper = quad % L::kQuads == own_quad;
  const int keeps = quad / L::kQuads;
  const int column_lane = group / 2 % L::kQuads * 4 + quad;
  const int partial_row = L::kPartialAt + L::partial_at(warp, lane / kLanes, own_quad) + 2 * keeps;
  const int step_row = L::step_at(worker_channel, 0);
  int b_row[L::kPairs], c_row[L::kPairs];
#pragma unroll
  for (int k = 0; k < L::kPairs; ++k) {
    b_row[k] = L::b_at(lane % kLanes * L::kPairs + k);
    c_row[k] = L::c_at(column_lane * L::kPairs + k, group % 2);
  }

  // Eight tokens: y[i] are the kept pairs' sums.
  const auto advance = [&](const float* buffer, int t, float2(&y)[L::kQuads]) {
    float4 step[4];
    uint4 b[L::kPairs][2], c[L::kPairs];
#pragma unroll
    for (int j = 0; j < 4; ++j)
      step[j] = *reinterpret_cast<const float4*>(buffer + step_row + 2 * t + 4 * j);
#pragma unroll
    for (int k = 0; k < L::kPairs; ++k) {
      b[k][0] = *reinterpret_cast<const uint4*>(buffer + b_row[k] + t);
      b[k][1] = *reinterpret_cast<const uint4*>(buffer + b_row[k] + t + 4);
      c[k] = *reinterpret_cast<const uint4*>(buffer + c_row[k] + t / 2);
    }
#pragma unroll
    for (int j = 0; j < 4; ++j) {
      float d[4];
#pragma unroll
      for (int k = 0; k < L::kPairs; ++k) {
        const uint4& words = b[k][j / 2];
        const float2 b0 = widen<T>(j % 2 == 0 ? words.x : words.z);
        const float2 b1 = widen<T>(j % 2 == 0 ? words.y : words.w);
        const float early0 = fmaf(exp2_fast(step[j].x * decay[2 * k]), h[2 * k], step[j].y * b0.x);
        const float early1 =
            fmaf(exp2_fast(step[j].x * decay[2 * k + 1]), h[2 * k + 1], step[j].y * b0.y);
        h[2 * k] = fmaf(exp2_fast(step[j].z * decay[2 * k]), early0, step[j].w * b1.x);
        h[2 * k + 1] = fmaf(exp2_fast(step[j].z * decay[2 * k + 1]), early1, step[j].w * b1.y);
        const float2 cj = widen<T>(j == 0 ? c[k].x : j == 1 ? c[k].y : j == 2 ? c[k].z : c[k].w);
        if (k == 0)
          mma_k8<false>(d, early0, h[0], early1, h[1], cj.x, cj.y);
        else
          mma_k8<true>(d, early0, h[2 * k], early1, h[2 * k + 1], cj.x, cj.y);
      }
      float2& kept = y[j / kKeepers];
      kept.x = j % kKeepers == 0 ? d[0] : select(keeps == j % kKeepers, d[0], kept.x);
      kept.y = j % kKeepers == 0 ? d[3] : select(keeps == j % kKeepers, d[3], kept.y);
    }
  };

  float *here = shared, *there = shared + L::kBuffer;
  for (int r = 0; r < rounds; ++r) {
    block_barrier();
    // Loads from shared memory first and stores to it last, so that the compiler is free to move
    // everything in between.
    float2 y[4][L::kQuads];
#pragma unroll
    for (int i = 0; i < 4; ++i) advance(here, 8 * i, y[i]);
    if (keeper) {
#pragma unroll
      for (int i = 0; i < 4; ++i)
#pragma unroll
        for (int k = 0; k < L::kQuads; ++k)
          *reinterpret_cast<float2*>(here + partial_row + 8 * i + 2 * k * kKeepers) = y[i][k];
    }
    float* const swap = here;
    here = there;
    there = swap;
  }
  if (rounds > 0) block_barrier();
  if (worker_valid && a.final_state != nullptr) {
#pragma unroll
    for (int k = 0; k < kStates; ++k) {
      const int n = lane % kLanes * kStates + k;
      if (n < a.state) a.final_state[state_row + n] = h[k];
    }
  }
}

}  // namespace ssmprof::kernels::cuda
