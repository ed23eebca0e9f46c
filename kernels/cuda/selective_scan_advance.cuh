#pragma once

#include "kernels/cuda/math.cuh"
#include "kernels/cuda/selective_scan_device.cuh"
#include "kernels/cuda/selective_scan_layout.cuh"

/// The selective scan's advancing warps: the recurrence of kSets parts of channels in registers and
/// its sums over states.
namespace ssmprof::kernels::cuda {

/// One lane: kStates states of a channel of each set. Σ C·h runs on the tensor cores (TF32: C is
/// exact, h loses its bits below 2^-10): the lanes' own registers are the A operand, so no shuffles
/// are needed. `kPipelined`: for a warp that has a scheduler nearly to itself.
template <class T, class L, bool kPipelined>
class ScanAdvancer {
 public:
  __device__ ScanAdvancer(int warp, int lane) {
    const int group = lane / 4, quad = lane % 4;
    // The product leaves this group's sum in the columns of lane own_quad of the four, and, as B's
    // columns repeat every 2·kQuads, in those of own_quad + kQuads, …: each of these lanes keeps
    // other tokens. It keeps the pairs of tokens `keeps`, keeps + 4 / kQuads, …. What the others
    // keep is stored where nobody reads.
    const int own_quad = group % L::kQuads;  // which four lanes of its channel this one is among
    const bool keeper = quad % L::kQuads == own_quad;
    keeps_ = quad / L::kQuads;
    const int column_lane = group / 2 % L::kQuads * 4 + quad;
    const int row = L::partial_at(0, lane / L::kLanes, own_quad) + 2 * keeps_;
#pragma unroll
    for (int s = 0; s < L::kSets; ++s)
      partial_at_[s] =
          L::kPartialAt + row + (keeper ? warp * L::kSets + s : L::kParts + warp) * L::kPartialPart;
    step_at_ = L::step_at(warp * L::kSets * L::kPer + lane / L::kLanes, 0);
#pragma unroll
    for (int k = 0; k < L::kPairs; ++k) {
      b_at_[k] = L::b_at(lane % L::kLanes * L::kPairs + k);
      c_at_[k] = L::c_at(column_lane * L::kPairs + k, group % 2);
    }
  }

  float decay[L::kSets][L::kStates], h[L::kSets][L::kStates];

  /// A round of 32 tokens.
  __device__ void round(float* buffer) {
    if constexpr (kPipelined)
      in_fours(buffer);
    else
      in_eights(buffer);
  }

 private:
  static constexpr int kKeepers = 4 / L::kQuads;

  /// Loads from shared memory first and stores to it last, so that the compiler is free to move
  /// everything in between.
  __device__ void in_eights(float* buffer) {
    float2 y[4][L::kSets][L::kQuads];
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      Eight now;
      read(now, buffer, 8 * i);
#pragma unroll
      for (int j = 0; j < 4; ++j) {
        float2 c[L::kPairs];
#pragma unroll
        for (int k = 0; k < L::kPairs; ++k) c[k] = c_of(now, k, j);
#pragma unroll
        for (int s = 0; s < L::kSets; ++s) {
          const float4& step = now.step[j][s];
          Grown grown;
#pragma unroll
          for (int k = 0; k < L::kPairs; ++k) {
            const float2 b0 = b_of(now, k, 2 * j), b1 = b_of(now, k, 2 * j + 1);
            grow(grown, s, k, step, {b0.x, b0.y, b1.x, b1.y});
          }
          keep(advance(s, grown, c), j, y[i][s][j / kKeepers]);
        }
      }
    }
#pragma unroll
    for (int i = 0; i < 4; ++i)
#pragma unroll
      for (int s = 0; s < L::kSets; ++s)
#pragma unroll
        for (int k = 0; k < L::kQuads; ++k)
          *reinterpret_cast<float2*>(buffer + partial_at_[s] + 8 * i + 2 * k * kKeepers) =
              y[i][s][k];
  }

  /// Four tokens at a time in a loop that the compiler must not unroll: it would form exponentials
  /// just before their use and wait for each. Here they are formed four tokens ahead, from operands
  /// read eight ahead, each in the registers of what was used last.
  __device__ void in_fours(float* buffer) {
    static_assert(!kPipelined || (L::kSets == 1 && L::kQuads == 2 && L::kPairs == 1));
    const float *step_next = buffer + step_at_, *b_next = buffer + b_at_[0];
    const float* c_next = buffer + c_at_[0];
    float4 step[2];
    TwoPairs<L::kWideB> b[2];
    TwoPairs<L::kWideC> c;
    const auto read_on = [&](int j) {
      step[j] = *reinterpret_cast<const float4*>(step_next + 4 * j);
      b[j] = *reinterpret_cast<const TwoPairs<L::kWideB>*>(b_next + (L::kWideB ? 4 : 2) * j);
    };
    const auto read_c = [&] { c = *reinterpret_cast<const TwoPairs<L::kWideC>*>(c_next); };
    const auto move_on = [&] { step_next += 8, b_next += L::kWideB ? 8 : 4; };
    Grown grown[2];
    read_on(0), read_on(1), move_on();
    grow(grown[0], 0, 0, step[0], widened(b[0]));
    grow(grown[1], 0, 0, step[1], widened(b[1]));
    read_on(0), read_on(1), read_c(), move_on();
    const auto four = [&](bool more) {
      const float4 cs = widened(c);
      float2 y;
#pragma unroll
      for (int j = 0; j < 2; ++j) {
        keep(advance(0, grown[j], {j == 0 ? float2{cs.x, cs.y} : float2{cs.z, cs.w}}), j, y);
        if (!more) continue;
        grow(grown[j], 0, 0, step[j], widened(b[j]));
        read_on(j);
      }
      return y;
    };
    float* to = buffer + partial_at_[0];
#pragma unroll 1
    for (const float* const end = step_next + 7 * 8; step_next != end; move_on(), to += 4) {
      const float2 y = four(true);
      c_next += L::kWideC ? 8 : 2;
      read_c();
      *reinterpret_cast<float2*>(to) = y;
    }
    *reinterpret_cast<float2*>(to) = four(false);
  }

  /// A pair of states of two tokens as it lies in shared memory.
  template <bool wide>
  using TwoPairs = std::conditional_t<wide, float4, uint2>;
  __device__ static float4 widened(const float4& v) {
    return v;
  }
  __device__ static float4 widened(const uint2& v) {
    const float2 first = widen<T>(v.x), second = widen<T>(v.y);
    return {first.x, first.y, second.x, second.y};
  }

  /// What eight tokens need.
  struct Eight {
    float4 step[4][L::kSets];
    uint4 b[L::kPairs][L::kWideB ? 4 : 2], c[L::kPairs][L::kWideC ? 2 : 1];
  };

  __device__ void read(Eight& now, const float* buffer, int t) const {
    const auto quad_at = [&](int at) { return *reinterpret_cast<const uint4*>(buffer + at); };
#pragma unroll
    for (int j = 0; j < 4; ++j)
#pragma unroll
      for (int s = 0; s < L::kSets; ++s)
        now.step[j][s] = *reinterpret_cast<const float4*>(
            buffer + step_at_ + s * (L::kPer * L::kStepRow + L::kStepPad) + 2 * t + 4 * j);
#pragma unroll
    for (int k = 0; k < L::kPairs; ++k) {
#pragma unroll
      for (int j = 0; j < (L::kWideB ? 4 : 2); ++j)
        now.b[k][j] = quad_at(b_at_[k] + (L::kWideB ? 2 : 1) * t + 4 * j);
#pragma unroll
      for (int j = 0; j < (L::kWideC ? 2 : 1); ++j)
        now.c[k][j] = quad_at(c_at_[k] + (L::kWideC ? 2 * t + 8 * j : t / 2));
    }
  }
  __device__ static float2 b_of(const Eight& now, int k, int token) {
    if constexpr (L::kWideB) {
      const uint4& w = now.b[k][token / 2];
      return {__uint_as_float(token % 2 == 0 ? w.x : w.z),
              __uint_as_float(token % 2 == 0 ? w.y : w.w)};
    } else {
      const uint4& w = now.b[k][token / 4];
      return widen<T>(token % 4 == 0 ? w.x : token % 4 == 1 ? w.y : token % 4 == 2 ? w.z : w.w);
    }
  }
  __device__ static float2 c_of(const Eight& now, int k, int pair) {
    if constexpr (L::kWideC) {
      const uint4& w = now.c[k][pair / 2];
      return {__uint_as_float(pair % 2 == 0 ? w.x : w.z),
              __uint_as_float(pair % 2 == 0 ? w.y : w.w)};
    } else {
      const uint4& w = now.c[k][0];
      return widen<T>(pair == 0 ? w.x : pair == 1 ? w.y : pair == 2 ? w.z : w.w);
    }
  }

  /// exp(Δ·A) and Δ·u·B of two tokens.
  struct Grown {
    float by[2][L::kStates], in[2][L::kStates];
  };
  /// The pair k of states; `step`: (Δ, Δ·u) of one token and the next, `b`: two states of each.
  __device__ void grow(Grown& grown, int s, int k, const float4& step, const float4& b) const {
    grown.by[0][2 * k] = exp2_fast(step.x * decay[s][2 * k]);
    grown.by[0][2 * k + 1] = exp2_fast(step.x * decay[s][2 * k + 1]);
    grown.by[1][2 * k] = exp2_fast(step.z * decay[s][2 * k]);
    grown.by[1][2 * k + 1] = exp2_fast(step.z * decay[s][2 * k + 1]);
    grown.in[0][2 * k] = step.y * b.x;
    grown.in[0][2 * k + 1] = step.y * b.y;
    grown.in[1][2 * k] = step.w * b.z;
    grown.in[1][2 * k + 1] = step.w * b.w;
  }

  /// Advances by two tokens; the first one's sum is x, the second one's y (in the lanes where they
  /// are, see above).
  __device__ float2 advance(int s, const Grown& grown, const float2 (&c)[L::kPairs]) {
    float d[4];
#pragma unroll
    for (int k = 0; k < L::kPairs; ++k) {
      float& h0 = h[s][2 * k];
      float& h1 = h[s][2 * k + 1];
      const float early0 = fmaf(grown.by[0][2 * k], h0, grown.in[0][2 * k]);
      const float early1 = fmaf(grown.by[0][2 * k + 1], h1, grown.in[0][2 * k + 1]);
      h0 = fmaf(grown.by[1][2 * k], early0, grown.in[1][2 * k]);
      h1 = fmaf(grown.by[1][2 * k + 1], early1, grown.in[1][2 * k + 1]);
      if (k == 0)
        mma_k8<false>(d, early0, h0, early1, h1, c[k].x, c[k].y);
      else
        mma_k8<true>(d, early0, h0, early1, h1, c[k].x, c[k].y);
    }
    return {d[0], d[3]};
  }

  /// Keeps the sums of pair j where this lane is to keep them.
  __device__ void keep(const float2& sums, int j, float2& kept) const {
    kept.x = j % kKeepers == 0 ? sums.x : select(keeps_ == j % kKeepers, sums.x, kept.x);
    kept.y = j % kKeepers == 0 ? sums.y : select(keeps_ == j % kKeepers, sums.y, kept.y);
  }

  int keeps_, partial_at_[L::kSets], step_at_, b_at_[L::kPairs], c_at_[L::kPairs];
};

}  // namespace ssmprof::kernels::cuda
