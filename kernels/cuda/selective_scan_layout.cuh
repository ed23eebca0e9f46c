#pragma once

namespace ssmprof::kernels::cuda {

/// Where things lie in shared memory during one round of 32 tokens, in 32-bit words. Paddings keep
/// the accesses below free of bank conflicts.
///
/// `kLanes` lanes share a channel, each holds `kStates` (even) neighbouring states; a group is
/// the 32 / kLanes channels that a warp advances at once. A part is the `kPart` channels that
/// a thread of the kParts preparing warps has of a token.
template <int lanes, int states, int groups, bool wide, int buffers = 2, int part = 32 / lanes>
struct ScanLayout {
  static constexpr int kLanes = lanes, kStates = states, kGroups = groups;
  static constexpr int kBuffers = buffers;  ///< rounds that are prepared or not yet finished
  static constexpr int kPer = 32 / kLanes;  ///< channels per group
  static constexpr int kChannels = kGroups * kPer;  ///< channels per block
  static constexpr int kPart = part, kParts = kChannels / kPart;
  static constexpr int kThreads = 32 * (kGroups + kParts);
  static constexpr int kWords = kPart / 2;              ///< words of a part's 16-bit channels
  static constexpr int kPerQuad = kLanes == 4 ? 2 : 1;  ///< channels that share four lanes
  static constexpr int kQuads = kLanes * kPerQuad / 4;  ///< four lanes' sums per channel
  static constexpr int kPairs = kStates / 2;            ///< pairs of states per lane
  static constexpr int kAll = kLanes * kStates;         ///< states held; more than given are zero
  static constexpr int kOctets = 2 * kAll / 8;          ///< of B, then of C
  static constexpr int kOctetsPerThread = (kOctets + kParts - 1) / kParts;
  static_assert(kStates % 2 == 0 && kPart % kPer == 0 && kChannels % kPart == 0 && kAll % 8 == 0);
  /// Which channel of its group a lane has, and which kStates states. Where two channels share four
  /// lanes, lane and lane ^ 2 have the same states and lane ^ 1 the same channel: a 16-byte read
  /// that is the same for either takes two wavefronts instead of four.
  __device__ static int channel_of(int lane) {
    return kPerQuad == 1 ? lane / kLanes : lane / 8 * 2 + lane / 2 % 2;
  }
  __device__ static int slot_of(int lane) {
    return kPerQuad == 1 ? lane % kLanes : lane / 4 % 2 * 2 + lane % 2;
  }
  /// First state of an octet (B's octets come first, then C's).
  __device__ static int octet_state(int index) { return index % (kOctets / 2) * 8; }

  /// Which token of a round and which part a preparing thread has: neighbours 2·i and 2·i + 1 have
  /// two tokens of a part, the next two the same tokens of the next part.
  __device__ static int token_of(int thread) { return thread / 2 / kParts * 2 + thread % 2; }
  __device__ static int part_of(int thread) { return thread / 2 % kParts; }
  /// Words that the rows of one part take, with a padding so that what neighbours in this order
  /// access, `unit` words per two tokens, lies in different banks: when the parts are so many units
  /// apart that kParts steps are one step of tokens, or all steps fit the banks side by side.
  /// (Nearly so where the number of parts is even and allows neither.)
  static constexpr int padded(int words, int unit) {
    const int places = 32 / unit;
    int apart = places % kParts == 0 ? places / kParts : 1;
    if (kParts % 2 != 0)
      while (apart * kParts % places != 1) ++apart;
    return words + ((apart * unit - words) % 32 + 32) % 32;
  }

  // (Δ, Δ·u) of a channel and token in fp32; 32 tokens and a padding per channel.
  static constexpr int kStepRow = 68, kStepPart = padded(kPart * kStepRow, 4);
  __device__ static int step_at(int channel, int token) {
    return channel / kPart * kStepPart + channel % kPart * kStepRow + 2 * token;
  }
  static constexpr int kStepEnd = kParts * kStepPart;

  // B, then C, transposed: a row of 32 tokens per pair of states, four rows per octet of states;
  // in fp32 (wide) or as they come (two 16-bit states per word). C keeps even and odd tokens apart:
  // two of four neighbours when wide, else sixteen.
  static constexpr bool kWide = wide;
  static_assert(!kWide || (kPairs <= 2 && kPerQuad == 2));
  static constexpr int kBRow = kWide ? 68 : 36, kBOctet = 4 * kBRow;
  static constexpr int kCRow = !kWide ? 36 : kPairs == 1 ? 72 : 68;
  static constexpr int kCOctet = 4 * kCRow + (!kWide ? 4 : kPairs == 1 ? 16 : 0);
  static constexpr int kBAt = kStepEnd;
  static constexpr int kCAt = kBAt + kOctets / 2 * kBOctet + 8;
  /// Words from pair 0 of an octet (B's octets first, then C's) to the next pair.
  __device__ static int octet_row(int index) { return index < kOctets / 2 ? kBRow : kCRow; }
  __device__ static int octet_at(int index, int token) {
    if (index < kOctets / 2) return kBAt + index * kBOctet + (kWide ? 2 : 1) * token;
    const int slot =
        kWide ? 2 * (token / 4 * 4 + token % 2 * 2 + token / 2 % 2) : token % 2 * 16 + token / 2;
    return kCAt + (index - kOctets / 2) * kCOctet + slot;
  }
  __device__ static int b_at(int pair) { return kBAt + pair / 4 * kBOctet + pair % 4 * kBRow; }
  /// Even (parity 0) or odd tokens; those from token t on stand 2·t (wide) or t / 2 words on.
  __device__ static int c_at(int pair, int parity) {
    return kCAt + pair / 4 * kCOctet + pair % 4 * kCRow + parity * (kWide ? 4 : 16);
  }
  // Where two channels share four lanes: zeros, as long as a row of C, in banks where the others'
  // C is not.
  static constexpr int kZeroAt = kCAt + (kOctets / 2 * kCOctet + 31) / 32 * 32;
  static constexpr int kZeros = kPerQuad == 2 ? 64 + 16 + 4 : 0;
  /// For whom pair k of the lanes that share its quarter of the warp have C of slots with this bit.
  __device__ static int zero_at(int k, int slot_bit) {
    return kZeroAt + (1 - slot_bit) * 16 + k * kCRow % 32;
  }
  static constexpr int kPartialAt =
      ((kPerQuad == 2 ? kZeroAt + kZeros : kCAt + kOctets / 2 * kCOctet) + 3) / 4 * 4;

  // Partial sums of C·h: a row of tokens per (channel, quad).
  static constexpr int kPartialRow = 36, kPartialPart = padded(kPart * kQuads * kPartialRow, 2);
  __device__ static int partial_at(int channel, int quad) {
    return kPartialAt + channel / kPart * kPartialPart +
           (channel % kPart * kQuads + quad) * kPartialRow;
  }
  // Where channels do not share four lanes, as much again that nobody reads, for lanes whose sums
  // are not kept: in the other half of the banks.
  static constexpr int kIdle = kPerQuad == 1 ? (kParts * kPartialPart + 31) / 32 * 32 + 16 : 0;
  static constexpr int kBuffer = (kPartialAt + kParts * kPartialPart + kIdle + 3) / 4 * 4;
  // After the buffers: for each a gate that opens when it is prepared, one when it is used.
  static constexpr int kGatesAt = kBuffers * kBuffer, kBytes = kGatesAt * 4 + 2 * kBuffers * 8;
  // What is accessed by 16 and by 8 bytes.
  static_assert(kStepPart % 4 == 0 && kStepEnd % 4 == 0 && kCAt % 4 == 0 && kBuffer % 4 == 0);
  static_assert(kPartialAt % 2 == 0 && kPartialPart % 2 == 0 && kIdle % 2 == 0);
};

}  // namespace ssmprof::kernels::cuda
