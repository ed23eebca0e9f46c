#pragma once

#include "kernels/cuda/selective_scan_lane.cuh"

namespace ssmprof::kernels::cuda {

/// The selective scan's advancing warps: the recurrence in registers and its sums over states.
template <class T, class L>
class ScanAdvancer : public ScanLane<T, L> {
  using Lane = ScanLane<T, L>;

 public:
  __device__ ScanAdvancer(int group, int lane)
      : Lane(group, lane), step_at_(Lane::step_at()), partial_at_(Lane::partial_at()) {}

  __device__ void run(float* shared, Gate* prepared, Gate* advanced, int rounds) {
    for (int r = 0; r < rounds; ++r) {
      gate_wait(prepared + r % L::kBuffers, r / L::kBuffers % 2);
      float* const buffer = shared + r % L::kBuffers * L::kBuffer;
      if constexpr (L::kPerQuad == 2)
        in_shared_fours(buffer);
      else
        in_eights(buffer);
      gate_come(advanced + r % L::kBuffers);
    }
  }

 private:
  using Lane::kKeepers;
  using typename Lane::Grown;

  /// Two channels share four lanes. Four tokens at a time; what the next four need is asked for
  /// before the sums of these are stored, which neither may pass.
  __device__ void in_shared_fours(float* buffer) {
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
          this->grow(grown, k, now.step[j], now.b[k][j]);
          c[k] = j == 0 ? float2{now.c[k].x, now.c[k].y} : float2{now.c[k].z, now.c[k].w};
        }
        y[j] = this->advance(grown, c);
      }
      if (this->keeper_)
        for (int j = 0; j < 2; ++j)
          *reinterpret_cast<float2*>(buffer + partial_at_ + 4 * i + 2 * j) = y[j];
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
      for (int k = 0; k < L::kPairs; ++k) four.b[k][j] = quad_at(this->b_at_[k] + 4 * j);
    }
#pragma unroll
    for (int k = 0; k < L::kPairs; ++k) four.c[k] = quad_at(this->c_at_[k]);
  }

  /// Loads from shared memory first and stores to it last, so that the compiler is free to move
  /// everything in between.
  __device__ void in_eights(float* buffer) {
    float2 y[4][L::kQuads];
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      Eight now;
      read(now, buffer, 8 * i);
#pragma unroll
      for (int j = 0; j < 4; ++j) {
        float2 c[L::kPairs];
        Grown grown;
#pragma unroll
        for (int k = 0; k < L::kPairs; ++k) {
          c[k] = c_of(now, k, j);
          const float2 b0 = b_of(now, k, 2 * j), b1 = b_of(now, k, 2 * j + 1);
          this->grow(grown, k, now.step[j], {b0.x, b0.y, b1.x, b1.y});
        }
        this->keep(this->advance(grown, c), j, y[i][j / kKeepers]);
      }
    }
#pragma unroll
    for (int i = 0; i < 4; ++i)
#pragma unroll
      for (int k = 0; k < L::kQuads; ++k)
        *reinterpret_cast<float2*>(buffer + partial_at_ + 8 * i + 2 * k * kKeepers) = y[i][k];
  }

  /// What eight tokens need; B and C as they come.
  struct Eight {
    float4 step[4];
    uint4 b[L::kPairs][2], c[L::kPairs];
  };

  __device__ void read(Eight& now, const float* buffer, int t) const {
    const auto quad_at = [&](int at) { return *reinterpret_cast<const uint4*>(buffer + at); };
#pragma unroll
    for (int j = 0; j < 4; ++j)
      now.step[j] = *reinterpret_cast<const float4*>(buffer + step_at_ + 2 * t + 4 * j);
#pragma unroll
    for (int k = 0; k < L::kPairs; ++k) {
      now.b[k][0] = quad_at(this->b_at_[k] + t);
      now.b[k][1] = quad_at(this->b_at_[k] + t + 4);
      now.c[k] = quad_at(this->c_at_[k] + t / 2);
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

  const int step_at_, partial_at_;
};

}  // namespace ssmprof::kernels::cuda
