#pragma once

#include "kernels/cuda/selective_scan_fast.cuh"

namespace ssmprof::kernels::cuda {

inline bool octets_aligned(const SelectiveScanArgs& a) {
  const auto fits = [](const ConstRows& r) {
    return rows_aligned(r.data, r.batch_stride, r.row_stride, 2, 16);
  };
  return a.state % 8 == 0 && fits(a.b) && fits(a.c);
}

/// Whether every row can be read and written in accesses of `channels` 16-bit channels.
inline bool channels_aligned(const SelectiveScanArgs& a, int channels) {
  const auto fits = [&](const ConstRows& r) {
    return rows_aligned(r.data, r.batch_stride, r.row_stride, 2,
                        2 * static_cast<std::size_t>(channels));
  };
  return a.channels % channels == 0 && fits(a.u) && fits(a.delta) && fits(a.z) && fits(a.out);
}

/// Whether lengths and steps of 32 rows fit the fast form's 32-bit counters.
inline bool counters_fit(const SelectiveScanArgs& a) {
  constexpr std::int64_t kMost = std::int64_t{1} << 25;
  for (const std::int64_t stride : {a.u.row_stride, a.delta.row_stride, a.b.row_stride,
                                    a.c.row_stride, a.z.row_stride, a.out.row_stride})
    if (stride < 0 || stride > kMost) return false;
  return a.length < std::int64_t{1} << 30;
}

template <class T, class L, int kBlocksPerSm, int kAhead, bool kApart, bool kAligned>
void launch_scan_form(const SelectiveScanArgs& a, cudaStream_t stream) {
  const auto kernel = scan_fast_kernel<T, L, kBlocksPerSm, kAhead, kApart, kAligned>;
  check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, L::kBytes),
        "selective_scan");
  const std::int64_t items = a.sequences ? a.sequences.count : a.batch;
  const dim3 grid(static_cast<unsigned>(blocks_for(a.channels, L::kChannels)),
                  static_cast<unsigned>(items));
  kernel<<<grid, kApart ? 128 * L::kParts : L::kThreads, L::kBytes, stream>>>(ScanFastParams{a});
  check_launch("selective_scan");
}

/// Channels that the fullest of an H200's multiprocessors has in blocks of so many.
inline std::int64_t fullest(std::int64_t items, std::int64_t channels, std::int64_t per_block) {
  constexpr std::int64_t kMultiprocessors = 132;
  return blocks_for(items * blocks_for(channels, per_block), kMultiprocessors) * per_block;
}

/// Launches a fast form when there is one for this shape and alignment; false when not. The forms
/// were chosen for an H200 (docs/kernels.md): few channels want eight lanes per channel and blocks
/// that even out over the multiprocessors, many want four, which read less shared memory per
/// channel.
template <class T>
bool launch_scan_fast(const SelectiveScanArgs& a, cudaStream_t stream) {
  if (!counters_fit(a)) return false;
  const auto form = [&]<class L, int kBlocks, int kAhead = 1, bool kApart = false,
                        bool kAnyOctets = true>() {
    if (!channels_aligned(a, L::kPart)) return false;
    if (octets_aligned(a))
      launch_scan_form<T, L, kBlocks, kAhead, kApart, true>(a, stream);
    else if constexpr (kAnyOctets)
      launch_scan_form<T, L, kBlocks, kAhead, kApart, false>(a, stream);
    else
      return false;
    return true;
  };
  constexpr std::int64_t kManyChannels = 8192;
  const std::int64_t items = a.sequences ? a.sequences.count : a.batch;
  const bool many = items * a.channels >= kManyChannels;
  if (a.state <= 8 && many) return form.template operator()<ScanLayout<4, 2, 4, true>, 3>();
  if (a.state <= 16) {
    if (many && form.template operator()<ScanLayout<4, 4, 4, true>, 3>()) return true;
    if (fullest(items, a.channels, 12) == 12)
      return form.template operator()<ScanLayout<8, 2, 3, false, 4>, 1, 2, true>();
    if (fullest(items, a.channels, 16) == 16)
      return form.template operator()<ScanLayout<8, 2, 4, false, 4>, 2, 2>();
    const std::int64_t in_twenties = fullest(items, a.channels, 20);
    const bool sixteens = in_twenties >= fullest(items, a.channels, 16);
    // Ten advancing warps in one block share the four schedulers out better than twice five.
    // States loaded one by one want more preparing warps.
    if (!sixteens && in_twenties == 40 && fullest(items, a.channels, 40) == 40)
      return form.template operator()<ScanLayout<8, 2, 10, false, 2, 8>, 1, 2, false, false>() ||
             form.template operator()<ScanLayout<8, 2, 10, false>, 1, 2>();
    if (!sixteens) return form.template operator()<ScanLayout<8, 2, 5, false>, 2, 2>();
    return form.template operator()<ScanLayout<8, 2, 4, false>, 3, 2>();
  }
  if (a.state <= 32) return form.template operator()<ScanLayout<8, 4, 4, false>, 2>();
  if (a.state <= 48) return form.template operator()<ScanLayout<8, 6, 4, false>, 1>();
  if (a.state <= 64) return form.template operator()<ScanLayout<8, 8, 4, false>, 1>();
  return false;
}

}  // namespace ssmprof::kernels::cuda
