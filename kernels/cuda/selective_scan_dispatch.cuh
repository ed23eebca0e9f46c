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

template <class T, int kLanes, int kStates, int kBlocksPerSm, bool kAligned>
void launch_scan_form(const SelectiveScanArgs& a, cudaStream_t stream) {
  using L = ScanLayout<kLanes, kStates>;
  const auto kernel = scan_fast_kernel<T, kLanes, kStates, kBlocksPerSm, kAligned>;
  check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, L::kBytes),
        "selective_scan");
  const std::int64_t items = a.sequences ? a.sequences.count : a.batch;
  const dim3 grid(static_cast<unsigned>(blocks_for(a.channels, L::kChannels)),
                  static_cast<unsigned>(items));
  kernel<<<grid, 256, L::kBytes, stream>>>(ScanFastParams{a});
  check_launch("selective_scan");
}

/// Launches a fast form when there is one for this shape and alignment; false when not. Which form
/// is fastest was measured on an H200 (docs/kernels.md): few channels want eight lanes per channel,
/// many want four, which read less shared memory per channel.
template <class T>
bool launch_scan_fast(const SelectiveScanArgs& a, cudaStream_t stream) {
  const auto form = [&]<int kLanes, int kStates, int kBlocks>() {
    if (!channels_aligned(a, 32 / kLanes)) return false;
    if (octets_aligned(a))
      launch_scan_form<T, kLanes, kStates, kBlocks, true>(a, stream);
    else
      launch_scan_form<T, kLanes, kStates, kBlocks, false>(a, stream);
    return true;
  };
  constexpr std::int64_t kManyChannels = 8192, kFewChannels = 2112;
  const std::int64_t channels = (a.sequences ? a.sequences.count : a.batch) * a.channels;
  if (a.state <= 8) return form.template operator()<4, 2, 3>();
  if (a.state <= 16) {
    if (channels >= kManyChannels && form.template operator()<4, 4, 3>()) return true;
    if (channels <= kFewChannels) return form.template operator()<8, 2, 2>();
    return form.template operator()<8, 2, 4>();
  }
  if (a.state <= 32) return form.template operator()<8, 4, 2>();
  if (a.state <= 48) return form.template operator()<8, 6, 1>();
  if (a.state <= 64) return form.template operator()<8, 8, 1>();
  return false;
}

}  // namespace ssmprof::kernels::cuda
