#pragma once

namespace ssmprof::kernels::cuda {

/// Where things lie in shared memory during one round of 32 tokens, in 32-bit words. Paddings keep
/// the accesses below free of bank conflicts.
///
/// `kLanes` lanes share a channel, each holds `kStates` (even) neighbouring states.
template <int kLanes, int kStates>
struct ScanLayout {
  static constexpr int kPer = 32 / kLanes;       ///< channels per warp and per preparing thread
  static constexpr int kChannels = 4 * kPer;     ///< channels per block
  static constexpr int kWords = kPer / 2;        ///< words of a preparer's 16-bit channels
  static constexpr int kQuads = kLanes / 4;      ///< groups of four lanes per channel
  static constexpr int kPairs = kStates / 2;     ///< pairs of states per lane
  static constexpr int kAll = kLanes * kStates;  ///< states held; more than given ones are zero
  static constexpr int kOctets = 2 * kAll / 8;   ///< of B, then of C
  static constexpr int kOctetsPerThread = (kOctets + 3) / 4;
  static_assert(kStates % 2 == 0 && kPer % 2 == 0 && kAll % 8 == 0);
  /// First state of an octet (B's octets come first, then C's).
  __device__ static int octet_state(int index) { return index % (kOctets / 2) * 8; }

  // (Δ, Δ·u) of a channel and token in fp32; 32 tokens and a padding per channel.
  static constexpr int kStepRow = 68, kStepPad = kPer == 2 ? 0 : 8;
  __device__ static int step_at(int channel, int token) {
    return channel * kStepRow + channel / kPer * kStepPad + 2 * token;
  }
  static constexpr int kStepEnd = kChannels * kStepRow + 4 * kStepPad;

  // B, then C, as they come (two 16-bit states per word), transposed: a row of 32 tokens per pair
  // of states, four rows per octet of states. C keeps even and odd tokens apart.
  static constexpr int kRow = 36, kBOctet = 4 * kRow, kCOctet = 4 * kRow + 4;
  static constexpr int kBAt = kStepEnd, kCAt = kBAt + kOctets / 2 * kBOctet + 8;
  __device__ static int c_slot(int token) { return token % 2 * 16 + token / 2; }
  /// Word of pair 0 of an octet (B's first, then C's) at a token; the other pairs follow in rows.
  __device__ static int octet_at(int index, int token) {
    return index < kOctets / 2 ? kBAt + index * kBOctet + token
                               : kCAt + (index - kOctets / 2) * kCOctet + c_slot(token);
  }
  __device__ static int b_at(int pair) { return kBAt + pair / 4 * kBOctet + pair % 4 * kRow; }
  /// Even (parity 0) or odd tokens: token t stands t / 2 words on.
  __device__ static int c_at(int pair, int parity) {
    return kCAt + pair / 4 * kCOctet + pair % 4 * kRow + parity * 16;
  }
  static constexpr int kPartialAt = kCAt + kOctets / 2 * kCOctet;

  // Partial sums of C·h: a row of tokens per (warp, channel, quad).
  static constexpr int kPartialRow = 36, kPartialWarp = kPer * kQuads * kPartialRow + 8;
  __device__ static int partial_at(int warp, int channel, int quad) {
    return warp * kPartialWarp + (channel * kQuads + quad) * kPartialRow;
  }
  static constexpr int kBuffer = (kPartialAt + 4 * kPartialWarp + 3) / 4 * 4;
  static constexpr int kBytes = 2 * kBuffer * 4;
  static_assert(kPartialAt % 4 == 0 && kStepEnd % 4 == 0);
};

}  // namespace ssmprof::kernels::cuda
