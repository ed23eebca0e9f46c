#pragma once

#include "kernels/cuda/math.cuh"
#include "kernels/cuda/selective_scan_device.cuh"
#include "kernels/cuda/selective_scan_layout.cuh"
#include "kernels/selective_scan.hpp"

/// The selective scan's preparing warps: what comes before a round (softplus, Δ·u, B and C into
/// shared memory) and after it (D·u, gate, store).
namespace ssmprof::kernels::cuda {

/// The tensor cores drop the bits of h below 2^-10 of its exponent: on average 2^-11 / (2·ln 2) of
/// its value (mantissas spread evenly in the logarithm). The sums are given that back.
constexpr float kTruncation = 1.0003522F;

/// What a block walks: `length` rows from row `start` of a batch, in rounds of 32.
struct ScanWalk {
  std::int64_t item, batch, start, block_channel;
  int length, rounds;

  __device__ ScanWalk(const SelectiveScanArgs& a, int channels) {
    item = blockIdx.y;
    length = static_cast<int>(a.length);
    start = 0;
    if (a.sequences.starts != nullptr) {
      start = a.sequences.starts[item];
      length = static_cast<int>(a.sequences.starts[item + 1] - start);
    }
    batch = a.sequences.starts != nullptr ? 0 : item;
    block_channel = static_cast<std::int64_t>(blockIdx.x) * channels;
    rounds = (length + 31) / 32;
  }
};

/// One thread of the preparing warps: token `token` of each round, the channels of a part; and the
/// octets part, part + kParts, … of that token's B and C. Rows are asked for kAhead rounds before
/// they are prepared. `kMamba`: softplus and gate are wanted; otherwise both are looked up.
template <class T, class L, int kAhead, bool kOctetsAligned, bool kMamba>
class ScanPreparer {
 public:
  __device__ ScanPreparer(const SelectiveScanArgs& a, const ScanWalk& walk, float* shared,
                          int thread)
      : rounds_(walk.rounds),
        left_(walk.length),
        soft_(a.delta_softplus),
        gated_(a.z.data != nullptr),
        state_(static_cast<int>(a.state)) {
    const int token = L::token_of(thread);
    part_ = L::part_of(thread);
    const std::int64_t channel = walk.block_channel + part_ * L::kPart;
    const bool valid = channel < a.channels;
    const auto row_of = [&](const auto& r, std::int64_t column) {
      return reinterpret_cast<const char*>(static_cast<const T*>(r.data) +
                                           walk.batch * r.batch_stride +
                                           (walk.start + token) * r.row_stride + column);
    };
    const auto step_of = [](const auto& r) {
      return static_cast<unsigned>(32 * sizeof(T) * r.row_stride);
    };
    u_ = row_of(a.u, channel), u_step_ = step_of(a.u);
    delta_ = row_of(a.delta, channel), delta_step_ = step_of(a.delta);
    out_ = const_cast<char*>(row_of(a.out, channel)), out_step_ = step_of(a.out);
    z_ = gated_ ? row_of(a.z, channel) : u_, z_step_ = gated_ ? step_of(a.z) : 0;
    token_ = valid ? token : kNever;
    z_token_ = valid && gated_ ? token : kNever;
#pragma unroll
    for (int i = 0; i < L::kOctetsPerThread; ++i) {
      const int index = part_ + L::kParts * i, octet = index < L::kOctets ? index : 0;
      const ConstRows& rows = octet < L::kOctets / 2 ? a.b : a.c;
      bc_[i] = row_of(rows, L::octet_state(octet));
      bc_step_[i] = step_of(rows);
      bc_at_[i] = shared + L::octet_at(octet, token);
      bc_row_[i] = L::octet_row(octet);
      bc_token_[i] = index < L::kOctets && L::octet_state(octet) < state_ ? token : kNever;
      bc_held_[i] = index < L::kOctets;
    }
#pragma unroll
    for (int i = 0; i < L::kPart; ++i) {
      bias_[i] = valid && a.delta_bias != nullptr ? a.delta_bias[channel + i] : 0;
      skip_[i] = valid && a.d != nullptr ? a.d[channel + i] : 0;
    }
    steps_ = shared + L::step_at(part_ * L::kPart, token);
    partials_ = shared + L::partial_at(part_ * L::kPart, 0) + token;
  }

  /// The gates of the buffers: open when a round is prepared, and when it is advanced.
  __device__ void run(Gate* prepared, Gate* advanced) {
    load(raw_[0]);
    if constexpr (kAhead == 2) {
      load_words_below(z_raw_[0], z_, z_token_, left_ + 32);
      step_rows(z_, z_step_);
      load(raw_[kAhead - 1]);
    }
    block_barrier<L::kThreads>();
    if (rounds_ == 0) return;
    begin<0>(prepared);
    // Round 0 finishes nothing: the output pointer steps onto row 0 instead.
    out_ -= out_step_;
    int r = 0;
    if constexpr (kPrepareFirst) {
      do {
        if (r > 0) gate_wait(advanced + 1, (r / 2 + 1) % 2);
        round<1>(r, prepared + 1);
        if (++r == rounds_) break;
        gate_wait(advanced, r / 2 % 2);
        round<0>(r, prepared);
      } while (++r < rounds_);
    } else {
      while (turns<0>(r, prepared, advanced)) {
      }
    }
    if constexpr (kBuffers == 2) end<0>(advanced);
  }

 private:
  static constexpr int kNever = 1 << 30;

  /// What one thread loads of a round, unconverted.
  struct Raw {
    Words<L::kWords> u, delta;
    Words<4> bc[L::kOctetsPerThread];
  };

  static constexpr int kBuffers = L::kBuffers;
  /// A round begins with preparing, which the advancing warps wait for, and its loop is written
  /// out. Otherwise it begins with finishing, in a loop that leaves the compiler more registers:
  /// better where it would spill, or where there are buffers enough (docs/kernels.md, version 15).
  static constexpr bool kPrepareFirst = kAhead == 2 && kBuffers == 2;

  /// Prepares all rounds but one that there are buffers for.
  template <int buffer>
  __device__ void begin(Gate* prepared) {
    Raw& raw = raw_[buffer % kAhead];
    prepare<buffer>(raw);
    gate_come(prepared + buffer);
    load(raw);
    if constexpr (buffer + 2 < kBuffers) begin<buffer + 1>(prepared);
  }

  /// Round r, phase more than a multiple of kBuffers, and those up to the next multiple. Returns
  /// whether there are more.
  template <int phase>
  __device__ bool turns(int& r, Gate* prepared, Gate* advanced) {
    constexpr int buffer = (phase + kBuffers - 1) % kBuffers;
    if (phase > 0 || r > 0) gate_wait(advanced + buffer, (r / kBuffers + (phase == 0 ? 1 : 0)) % 2);
    round<buffer>(r, prepared + buffer);
    if (++r == rounds_) {
      if constexpr (kBuffers > 2) end<phase>(advanced);
      return false;
    }
    if constexpr (phase + 1 < kBuffers) return turns<phase + 1>(r, prepared, advanced);
    return true;
  }

  /// Finishes the last round. With two buffers the loop ends here for either; with more, each exit
  /// has its own, which spares the loop copies of what is still being loaded.
  template <int buffer>
  __device__ void end(Gate* advanced) {
    if constexpr (kBuffers == 2 && buffer == 0)
      if ((rounds_ - 1) % kBuffers != buffer) return end<1>(advanced);
    gate_wait(advanced + buffer, (rounds_ - 1) / kBuffers % 2);
    float sums[L::kPart];
    add_up<buffer>(sums);
    finish(sums, z_raw_[buffer % kAhead], token_ < left_ + 32 * (kAhead + kBuffers));
  }

  /// Finishes round r - 1 and prepares round r - 1 + kBuffers in the same buffer.
  template <int buffer>
  __device__ void round(int r, Gate* prepared) {
    static_assert(kBuffers % kAhead == 0);
    Raw& raw = raw_[buffer % kAhead];
    Words<L::kWords>& z = z_raw_[buffer % kAhead];
    float sums[L::kPart];
    add_up<buffer>(sums);
    const auto finish_round = [&] {
      finish(sums, z, r > 0 && token_ != kNever);
      load_words_below(z, z_, z_token_, left_ + 32 * (kBuffers + (kPrepareFirst ? 1 : 0)));
      step_rows(z_, z_step_);
    };
    if constexpr (!kPrepareFirst) finish_round();
    prepare<buffer>(raw);
    gate_come(prepared);
    load(raw);
    if constexpr (kPrepareFirst) finish_round();
  }

  /// The rows of the next round that is asked for, of which `left_` are left. What is not read
  /// keeps its old, finite value; Δ = 0 makes it harmless.
  __device__ void load(Raw& raw) {
#pragma unroll
    for (int w = 0; w < L::kWords; ++w) raw.delta.v[w] = no_step<T>(kMamba || soft_);
    load_words_below(raw.delta, delta_, token_, left_);
    load_words_below(raw.u, u_, token_, left_);
    step_rows(u_, u_step_);
    step_rows(delta_, delta_step_);
#pragma unroll
    for (int i = 0; i < L::kOctetsPerThread; ++i) {
      if constexpr (kOctetsAligned) {
        load_words_below(raw.bc[i], bc_[i], bc_token_[i], left_);
      } else if (bc_token_[i] < left_) {
        const auto* bits = reinterpret_cast<const unsigned short*>(bc_[i]);
        const int states = state_ - L::octet_state(part_ + L::kParts * i);
#pragma unroll
        for (int w = 0; w < 4; ++w) {
          raw.bc[i].v[w] = 2 * w < states ? __ldg(bits + 2 * w) : 0U;
          if (2 * w + 1 < states)
            raw.bc[i].v[w] |= static_cast<std::uint32_t>(__ldg(bits + 2 * w + 1)) << 16;
        }
      }
      step_rows(bc_[i], bc_step_[i]);
    }
    left_ -= 32;
  }

  template <int buffer>
  __device__ void prepare(const Raw& raw) {
    constexpr int offset = buffer * L::kBuffer;
    [[maybe_unused]] const bool inside = token_ < left_ + 32 * kAhead;
#pragma unroll
    for (int w = 0; w < L::kWords; ++w) {
      const float2 u = widen<T>(raw.u.v[w]), d = widen<T>(raw.delta.v[w]);
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const int i = 2 * w + half;
        const float d1 = (half == 0 ? d.x : d.y), u1 = half == 0 ? u.x : u.y;
        float step = d1 + bias_[i];
        if constexpr (kMamba)
          step = softplus<false>(step);
        else
          step = select(soft_, softplus<false>(step), select(inside, step, 0.0F));
        *reinterpret_cast<float2*>(steps_ + offset + i * L::kStepRow) = {step, step * u1};
        skipped_[buffer][i] = skip_[i] * u1;
      }
    }
#pragma unroll
    for (int o = 0; o < L::kOctetsPerThread; ++o)
#pragma unroll
      for (int w = 0; w < 4; ++w) {
        float* const to = bc_at_[o] + offset + w * bc_row_[o];
        const std::uint32_t word = raw.bc[o].v[w];
        const bool held = L::kOctets % L::kParts == 0 || bc_held_[o];
        if constexpr (L::kWide) {
          store_shared_if(reinterpret_cast<float2*>(to), widen<T>(word), held);
        } else {
          store_shared_if(to, __uint_as_float(word), held);
        }
      }
  }

  /// The sums over states come in kQuads parts; D·u is added.
  template <int buffer>
  __device__ void add_up(float (&sums)[L::kPart]) const {
#pragma unroll
    for (int i = 0; i < L::kPart; ++i) {
      float parts[L::kQuads];
#pragma unroll
      for (int s = 0; s < L::kQuads; ++s)
        parts[s] = partials_[buffer * L::kBuffer + (i * L::kQuads + s) * L::kPartialRow];
#pragma unroll
      for (int width = L::kQuads / 2; width > 0; width /= 2)
#pragma unroll
        for (int s = 0; s < width; ++s) parts[s] += parts[s + width];
      sums[i] = fmaf(kTruncation, parts[0], skipped_[buffer][i]);
    }
  }

  __device__ void finish(const float (&sums)[L::kPart], const Words<L::kWords>& z_raw,
                         bool wanted) {
    Words<L::kWords> packed;
#pragma unroll
    for (int w = 0; w < L::kWords; ++w) {
      const float2 z = widen<T>(z_raw.v[w]);
      if constexpr (kMamba)
        packed.v[w] = narrow<T>(sums[2 * w] * silu<false>(z.x), sums[2 * w + 1] * silu<false>(z.y));
      else
        packed.v[w] = narrow<T>(sums[2 * w] * select(gated_, silu<false>(z.x), 1.0F),
                                sums[2 * w + 1] * select(gated_, silu<false>(z.y), 1.0F));
    }
    store_words_if(out_, packed, wanted);
    step_rows(out_, out_step_);
  }

  const int rounds_;
  int left_;  ///< tokens of the rows that are asked for next, and after them
  const bool soft_, gated_;
  const int state_;
  int part_;
  const char *u_, *delta_, *z_, *bc_[L::kOctetsPerThread];
  char* out_;
  unsigned u_step_, delta_step_, z_step_, out_step_, bc_step_[L::kOctetsPerThread];  // a round
  int token_, z_token_, bc_token_[L::kOctetsPerThread];  ///< the token, or kNever
  float *steps_, *partials_, *bc_at_[L::kOctetsPerThread];
  int bc_row_[L::kOctetsPerThread];
  bool bc_held_[L::kOctetsPerThread];
  float bias_[L::kPart], skip_[L::kPart], skipped_[kBuffers][L::kPart] = {};  ///< D·u
  Raw raw_[kAhead] = {};
  Words<L::kWords> z_raw_[kAhead] = {};
};

}  // namespace ssmprof::kernels::cuda
