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

template <class T, class L, int kBlocksPerSm, int kAhead, bool kPipelined, bool kApart,
          bool kAligned>
void launch_scan_form(const SelectiveScanArgs& a, cudaStream_t stream) {
  const auto kernel =
      scan_fast_kernel<T, L, kBlocksPerSm, kAhead, kPipelined, kApart, kAligned>;
  check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, L::kBytes),
        "selective_scan");
  const std::int64_t items = a.sequences ? a.sequences.count : a.batch;
  const dim3 grid(static_cast<unsigned>(blocks_for(a.channels, L::kChannels)),
                  static_cast<unsigned>(items));
  kernel<<<grid, kApart ? 128 * L::kParts : L::kThreads, L::kBytes, stream>>>(ScanFastParams{a});
  check_launch("selective_scan");
}

/// Launches a fast form when there is one for this shape and alignment; false when not. Which form
/// is fastest was measured on an H200 (docs/kernels.md): few channels want eight lanes per channel,
/// many want four, which read less shared memory per channel.
template <class T>
bool launch_scan_fast(const SelectiveScanArgs& a, cudaStream_t stream) {
  if (!counters_fit(a)) return false;
  const auto form = [&]<class L, int kBlocks, int kAhead = 1, bool kPipelined = false,
                        bool kApart = false>() {
    if (!channels_aligned(a, L::kPer)) return false;
    if (octets_aligned(a))
      launch_scan_form<T, L, kBlocks, kAhead, kPipelined, kApart, true>(a, stream);
    else
      launch_scan_form<T, L, kBlocks, kAhead, kPipelined, kApart, false>(a, stream);
    return true;
  };
  constexpr std::int64_t kManyChannels = 8192, kFewChannels = 2112;
  const std::int64_t channels = (a.sequences ? a.sequences.count : a.batch) * a.channels;
  if (a.state <= 8) return form.template operator()<ScanLayout<4, 2, 4, 1, false, false>, 3>();
  if (a.state <= 16) {
#ifdef SCAN_DEV
    if constexpr (std::is_same_v<T, __nv_bfloat16>) {
      const char* env = getenv("SCAN_FORM");
      const auto dev = [&]<int l, int s, int w, int st, bool wb, bool wc, int kBlocks, int kAhead, bool kPipe, bool kApart>() {
        using L = ScanLayout<l, s, w, st, wb, wc>;
        if (!channels_aligned(a, L::kPer) || !octets_aligned(a)) return false;
        launch_scan_form<T, L, kBlocks, kAhead, kPipe, kApart, true>(a, stream);
        return true;
      };
      switch (env ? atoi(env) : -1) {
#define F(i, ...) case i: if (dev.template operator()<__VA_ARGS__>()) return true; break;
        F(0, 8, 2, 3, 1, 1, 1, 1, 2, 1, 1)
        F(1, 8, 2, 3, 1, 1, 1, 1, 2, 1, 0)
        F(2, 8, 2, 4, 1, 1, 1, 2, 2, 1, 0)
        F(3, 8, 2, 3, 1, 1, 1, 1, 1, 1, 1)
        F(5, 8, 2, 5, 1, 0, 0, 2, 2, 0, 0)
        F(6, 8, 2, 5, 1, 0, 1, 2, 2, 0, 0)
        F(7, 8, 2, 5, 1, 1, 1, 2, 2, 1, 0)
        F(8, 8, 2, 5, 1, 1, 1, 2, 2, 0, 0)
        F(9, 8, 2, 4, 1, 0, 0, 3, 2, 0, 0)
        F(10, 8, 2, 4, 1, 0, 0, 4, 1, 0, 0)
        F(11, 8, 2, 4, 1, 1, 1, 3, 2, 1, 0)
        F(12, 8, 2, 5, 1, 0, 0, 2, 1, 0, 0)
        F(13, 4, 4, 4, 1, 0, 0, 3, 1, 0, 0)
        F(14, 4, 4, 4, 1, 0, 1, 3, 1, 0, 0)
        F(15, 4, 4, 4, 1, 1, 0, 3, 1, 0, 0)
        F(16, 4, 4, 4, 1, 1, 1, 3, 1, 0, 0)
        F(17, 4, 4, 2, 2, 1, 1, 4, 1, 0, 0)
        F(18, 4, 4, 2, 2, 1, 1, 3, 1, 0, 0)
        F(19, 4, 4, 2, 2, 0, 0, 3, 1, 0, 0)
        F(20, 4, 4, 2, 2, 0, 1, 4, 1, 0, 0)
#undef F
      }
    }
#endif
    if (channels >= kManyChannels &&
        form.template operator()<ScanLayout<4, 4, 4, 1, false, true>, 3>())
      return true;
    if (channels <= kFewChannels)
      return form.template operator()<ScanLayout<8, 2, 3, 1, true, true>, 1, 2, true, true>();
    return form.template operator()<ScanLayout<8, 2, 5, 1, false, false>, 2, 2>();
  }
  if (a.state <= 32) return form.template operator()<ScanLayout<8, 4, 4, 1, false, false>, 2>();
  if (a.state <= 48) return form.template operator()<ScanLayout<8, 6, 4, 1, false, false>, 1>();
  if (a.state <= 64) return form.template operator()<ScanLayout<8, 8, 4, 1, false, false>, 1>();
  return false;
}

}  // namespace ssmprof::kernels::cuda
