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
    // Product: rows are groups of four lanes, columns 2·n + parity. n's first bit tells for which
    // of a channel's kQuads groups C stands there, its second for which of the channels that share
    // the four lanes; where none share, it only repeats.
    const int group = lane / 4, quad = lane % 4, n = group / 2;
    // Lane `quad` finds the sums of columns 2·quad and 2·quad + 1, of use where they are of its own
    // group. It keeps the pairs of tokens keeps_, keeps_ + kKeepers, ….
    const int own_quad = group % L::kQuads;
    keeper_ = quad % L::kQuads == own_quad;
    keeps_ = kKeepers > 1 ? quad / 2 : 0;
    const int row = L::partial_at(0, L::channel_of(lane), own_quad) + 2 * keeps_;
    // What the others keep is stored where nobody reads, or not at all.
    const bool dumped = kKeepers > 1 && !keeper_;
#pragma unroll
    for (int s = 0; s < L::kSets; ++s)
      partial_at_[s] =
          L::kPartialAt + row + (dumped ? L::kParts + warp : warp * L::kSets + s) * L::kPartialPart;
    step_at_ = L::step_at(warp * L::kSets * L::kPer + L::channel_of(lane), 0);
    // As B's operand this lane holds the states of lane `quad` of group n % 2, for column `group`.
    // Where that lane has another channel than the column, it holds zero.
    const bool has_c = L::kPerQuad == 1 || quad / 2 == n / 2;
    const int c_slot = L::kPerQuad == 1 ? n % 2 * 4 + quad : n % 2 * 2 + quad % 2;
#pragma unroll
    for (int k = 0; k < L::kPairs; ++k) {
      b_at_[k] = L::b_at(L::slot_of(lane) * L::kPairs + k);
      c_at_[k] = has_c ? L::c_at(c_slot * L::kPairs + k, group % 2) : L::zero_at(k, n % 2);
    }
  }

  float decay[L::kSets][L::kStates], h[L::kSets][L::kStates];

  /// A round of 32 tokens.
  __device__ void round(float* buffer) {
    if constexpr (L::kPerQuad == 2)
      in_shared_fours(buffer);
    else
      in_eights(buffer);
  }

  /// All rounds, for a warp that has a scheduler nearly to itself, four tokens at a time:
  /// exponentials are formed four tokens ahead from operands read eight ahead, sums are stored four
  /// tokens later, so that nothing waits for what was asked for last. The end of a round reads the
  /// next one's beginning.
  __device__ void run_ahead(float* shared, Gate* prepared, Gate* advanced, int rounds) {
    static_assert(!kPipelined || (L::kWide && L::kSets == 1 && L::kPerQuad == 1 && L::kPairs == 1));
    constexpr int kRound = 64;  // words of a round's tokens in any row
    const float *step_next = shared + step_at_, *b_next = shared + b_at_[0];
    const float* c_next = shared + c_at_[0];
    float4 step[2], b[2], c;
    const auto read_on = [&](int j) {
      step[j] = *reinterpret_cast<const float4*>(step_next + 4 * j);
      b[j] = *reinterpret_cast<const float4*>(b_next + 4 * j);
    };
    const auto read_c = [&] { c = *reinterpret_cast<const float4*>(c_next); };
    const auto move_on = [&] { step_next += 8, b_next += 8; };
    if (rounds == 0) return;
    gate_wait(prepared, 0);
    Grown grown[2];
    read_on(0), read_on(1), move_on();
    grow(grown[0], 0, 0, step[0], b[0]);
    grow(grown[1], 0, 0, step[1], b[1]);
    read_on(0), read_on(1), read_c(), move_on();
    float2 sums[2], before[2];
    const auto four = [&] {
      const float4 cs = c;
#pragma unroll
      for (int j = 0; j < 2; ++j) {
        before[j] = sums[j];
        sums[j] = advance(0, grown[j], {j == 0 ? float2{cs.x, cs.y} : float2{cs.z, cs.w}});
        grow(grown[j], 0, 0, step[j], b[j]);
        read_on(j);
      }
      c_next += 8;
      read_c();
      move_on();
    };
    float* to = shared + partial_at_[0];
    const auto store = [&](const float2(&kept)[2]) {
      float2 y;
      keep(kept[0], 0, y), keep(kept[1], 1, y);
      *reinterpret_cast<float2*>(to) = y;
      to += 4;
    };
    // This round's buffer, how often the buffers have been gone through, words from the last one's.
    int at = 0, turn = 0, leap = 0;
    for (int r = 0; r < rounds; ++r) {
      four();
      if (r > 0) {
        store(before);
        gate_come(advanced + (at == 0 ? L::kBuffers - 1 : at - 1));
        to += leap - 32;
      }
#pragma unroll
      for (int k = 1; k < 6; ++k) {
        four();
        store(before);
      }
      const bool last = at == L::kBuffers - 1;
      leap = last ? -(L::kBuffers - 1) * L::kBuffer : L::kBuffer;
      at = last ? 0 : at + 1, turn += last ? 1 : 0;
      // The last round reads its own beginning again; it is not used.
      const int ahead = r + 1 < rounds ? leap : 0;
      if (r + 1 < rounds) gate_wait(prepared + at, turn % 2);
      step_next += ahead - kRound, b_next += ahead - kRound;
      four();
      store(before);
      c_next += ahead - kRound;
      four();
      store(before);
    }
    store(sums);
    gate_come(advanced + (at == 0 ? L::kBuffers - 1 : at - 1));
  }

 private:
  static constexpr int kKeepers = 2 / L::kPerQuad;

  /// Two channels share four lanes. Four tokens at a time; what the next four need is asked for
  /// before the sums of these are stored, which neither may pass.
  __device__ void in_shared_fours(float* buffer) {
    static_assert(L::kPerQuad == 1 || (L::kSets == 1 && L::kWide));
    Four four[2];
    read(four[0], buffer);
#pragma unroll
    for (int i = 0; i < 8; ++i) {
      if (i < 7) read(four[(i + 1) % 2], buffer + 8 * (i + 1));
      const Four& now = four[i % 2];
      float2 y[2];
#pragma unroll
      for (int j = 0; j < 2; ++j) {
        Grown grown;
        float2 c[L::kPairs];
#pragma unroll
        for (int k = 0; k < L::kPairs; ++k) {
          grow(grown, 0, k, now.step[j], now.b[k][j]);
          c[k] = j == 0 ? float2{now.c[k].x, now.c[k].y} : float2{now.c[k].z, now.c[k].w};
        }
        y[j] = advance(0, grown, c);
      }
      if (keeper_)
        for (int j = 0; j < 2; ++j)
          *reinterpret_cast<float2*>(buffer + partial_at_[0] + 4 * i + 2 * j) = y[j];
    }
  }

  /// What four tokens need, in fp32.
  struct Four {
    float4 step[2], b[L::kPairs][2], c[L::kPairs];
  };

  __device__ void read(Four& four, const float* from) const {
    const auto quad_at = [&](int at) { return *reinterpret_cast<const float4*>(from + at); };
#pragma unroll
    for (int j = 0; j < 2; ++j) {
      four.step[j] = quad_at(step_at_ + 4 * j);
#pragma unroll
      for (int k = 0; k < L::kPairs; ++k) four.b[k][j] = quad_at(b_at_[k] + 4 * j);
    }
#pragma unroll
    for (int k = 0; k < L::kPairs; ++k) four.c[k] = quad_at(c_at_[k]);
  }

  /// Loads from shared memory first and stores to it last, so that the compiler is free to move
  /// everything in between.
  __device__ void in_eights(float* buffer) {
    static_assert(L::kPerQuad == 2 || kPipelined || !L::kWide);
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

  /// What eight tokens need; B and C as they come.
  struct Eight {
    float4 step[4][L::kSets];
    uint4 b[L::kPairs][2], c[L::kPairs];
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
      now.b[k][0] = quad_at(b_at_[k] + t);
      now.b[k][1] = quad_at(b_at_[k] + t + 4);
      now.c[k] = quad_at(c_at_[k] + t / 2);
    }
  }
  __device__ static float2 b_of(const Eight& now, int k, int token) {
    return widen<T>(word_of(now.b[k][token / 4], token % 4));
  }
  __device__ static float2 c_of(const Eight& now, int k, int pair) {
    return widen<T>(word_of(now.c[k], pair));
  }
  __device__ static std::uint32_t word_of(const uint4& words, int i) {
    return i == 0 ? words.x : i == 1 ? words.y : i == 2 ? words.z : words.w;
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

  bool keeper_;
  int keeps_, partial_at_[L::kSets], step_at_, b_at_[L::kPairs], c_at_[L::kPairs];
};

}  // namespace ssmprof::kernels::cuda
