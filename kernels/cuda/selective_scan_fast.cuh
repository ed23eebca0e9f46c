#pragma once

#include "kernels/cuda/selective_scan_advance.cuh"
#include "kernels/cuda/selective_scan_prepare.cuh"

/// The selective scan for 16-bit tensors, sequential in time, one launch.
///
/// A block owns kGroups · kPer channels (kPer = 32 / kLanes) and walks them in rounds of 32 tokens.
/// kParts of its warps prepare the next round (softplus, Δ·u, B and C transposed into shared
/// memory) and finish the last one (D·u, gate, store); the others advance a group each: kLanes
/// lanes hold kStates states each, one EX2 and three FP32 operations per state and token. A warp
/// waits for the other kind's warps only, so one may run a round ahead of the next. What limits it:
/// docs/kernels.md.
namespace ssmprof::kernels::cuda {

struct ScanFastParams {
  SelectiveScanArgs args;
};

/// `kApart`: the preparing warps have every fourth scheduler to themselves.
template <class T, class L, int kBlocksPerSm, int kAhead, bool kApart, bool kOctetsAligned>
__global__ void __launch_bounds__(kApart ? 4 * 32 * L::kParts : L::kThreads, kBlocksPerSm)
    scan_fast_kernel(const ScanFastParams p) {
  const SelectiveScanArgs& a = p.args;
  float* const shared = shared_floats();
  const ScanWalk walk(a, L::kChannels);
  auto* const prepared = reinterpret_cast<Gate*>(shared + L::kGatesAt);
  Gate* const advanced = prepared + L::kBuffers;

  int warp = static_cast<int>(threadIdx.x) / 32;
  bool prepares = warp >= L::kGroups;
  if (kApart) {
    prepares = warp % 4 == 3;
    if (!prepares && warp >= L::kGroups) return;
    if (prepares) warp = L::kGroups + warp / 4;
  }
  const int lane = threadIdx.x % 32;
  if (threadIdx.x < L::kBuffers) {
    gate_init(prepared + threadIdx.x, L::kParts);
    gate_init(advanced + threadIdx.x, L::kGroups);
  }
  if constexpr (L::kZeros > 0)
    for (int i = threadIdx.x; i < L::kBuffers * L::kZeros; i += L::kThreads)
      shared[i / L::kZeros * L::kBuffer + L::kZeroAt + i % L::kZeros] = 0;
  if (prepares) {
    const int thread = (warp - L::kGroups) * 32 + lane;
    if (a.delta_softplus && a.z.data != nullptr)
      ScanPreparer<T, L, kAhead, kOctetsAligned, true>(a, walk, shared, thread)
          .run(prepared, advanced);
    else
      ScanPreparer<T, L, kAhead, kOctetsAligned, false>(a, walk, shared, thread)
          .run(prepared, advanced);
    return;
  }

  ScanAdvancer<T, L> worker(warp, lane);
  const std::int64_t channel = walk.block_channel + worker.channel();
  const auto each_state = [&](const auto& what) {
#pragma unroll
    for (int k = 0; k < L::kStates; ++k) {
      const int n = worker.state() + k;
      const bool held = channel < a.channels && n < a.state;
      what(k, held, channel * a.state + n, (walk.item * a.channels + channel) * a.state + n);
    }
  };
  each_state([&](int k, bool held, std::int64_t at, std::int64_t state_at) {
    worker.decay[k] = held ? a.a[at] * kLog2e : 0.0F;
    worker.h[k] = held && a.initial_state != nullptr ? a.initial_state[state_at] : 0.0F;
  });
  block_barrier<L::kThreads>();
  worker.run(shared, prepared, advanced, walk.rounds);
  if (a.final_state == nullptr) return;
  each_state([&](int k, bool held, std::int64_t, std::int64_t state_at) {
    if (held) a.final_state[state_at] = worker.h[k];
  });
}

}  // namespace ssmprof::kernels::cuda
