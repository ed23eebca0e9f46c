#pragma once

#include "kernels/cuda/math.cuh"
#include "kernels/cuda/selective_scan_device.cuh"
#include "kernels/cuda/selective_scan_layout.cuh"

namespace ssmprof::kernels::cuda {

/// One lane of the selective scan's advancing warps: kStates states of a channel. Σ C·h runs on the
/// tensor cores (TF32: C is exact, h loses its bits below 2^-10): the lanes' own registers are the
/// A operand, so no shuffles are needed.
template <class T, class L>
class ScanLane {
 public:
  float decay[L::kStates], h[L::kStates];
  /// Which channel of the block, and which state the first one is.
  __device__ int channel() const { return channel_; }
  __device__ int state() const { return state_; }

 protected:
  __device__ ScanLane(int group, int lane)
      : channel_(group * L::kPer + L::channel_of(lane)), state_(L::slot_of(lane) * L::kStates) {
    // Product: rows are four lanes, columns 2·n + parity. n's first bit tells for which of a
    // channel's kQuads rows C stands there, its second for which of the channels that share the
    // four lanes; where none share, it only repeats.
    const int row = lane / 4, quad = lane % 4, n = row / 2;
    // Lane `quad` finds the sums of columns 2·quad and 2·quad + 1, of use where they are of its own
    // row. It keeps the pairs of tokens keeps_, keeps_ + kKeepers, ….
    own_quad_ = row % L::kQuads;
    keeper_ = quad % L::kQuads == own_quad_;
    keeps_ = kKeepers > 1 ? quad / 2 : 0;
    // As B's operand this lane holds the states of lane `quad` of row n % 2, for column `row`.
    // Where that lane has another channel than the column, it holds zero.
    const bool has_c = L::kPerQuad == 1 || quad / 2 == n / 2;
    const int c_slot = L::kPerQuad == 1 ? n % 2 * 4 + quad : n % 2 * 2 + quad % 2;
#pragma unroll
    for (int k = 0; k < L::kPairs; ++k) {
      b_at_[k] = L::b_at(L::slot_of(lane) * L::kPairs + k);
      c_at_[k] = has_c ? L::c_at(c_slot * L::kPairs + k, row % 2) : L::zero_at(k, n % 2);
    }
  }

  static constexpr int kKeepers = 2 / L::kPerQuad;

  __device__ int step_at() const {
    return L::step_at(channel_, 0);
  }
  /// Where this lane's sums go; where nobody reads if another lane has the same.
  __device__ int partial_at() const {
    return L::partial_at(channel_, own_quad_) + 2 * keeps_ + (keeper_ ? 0 : L::kIdle);
  }

  /// exp(Δ·A) and Δ·u·B of two tokens.
  struct Grown {
    float by[2][L::kStates], in[2][L::kStates];
  };
  /// The pair k of states; `step`: (Δ, Δ·u) of one token and the next, `b`: two states of each.
  __device__ void grow(Grown& grown, int k, const float4& step, const float4& b) const {
    grown.by[0][2 * k] = exp2_fast(step.x * decay[2 * k]);
    grown.by[0][2 * k + 1] = exp2_fast(step.x * decay[2 * k + 1]);
    grown.by[1][2 * k] = exp2_fast(step.z * decay[2 * k]);
    grown.by[1][2 * k + 1] = exp2_fast(step.z * decay[2 * k + 1]);
    grown.in[0][2 * k] = step.y * b.x;
    grown.in[0][2 * k + 1] = step.y * b.y;
    grown.in[1][2 * k] = step.w * b.z;
    grown.in[1][2 * k + 1] = step.w * b.w;
  }

  /// Advances by two tokens; the first one's sum is x, the second one's y (in the lanes where they
  /// are, see above).
  __device__ float2 advance(const Grown& grown, const float2 (&c)[L::kPairs]) {
    float d[4];
#pragma unroll
    for (int k = 0; k < L::kPairs; ++k) {
      float& h0 = h[2 * k];
      float& h1 = h[2 * k + 1];
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

  const int channel_, state_;
  int own_quad_, keeps_, b_at_[L::kPairs], c_at_[L::kPairs];
  bool keeper_;
};

}  // namespace ssmprof::kernels::cuda
