#pragma once

#include "kernels/cuda/selective_scan_advance.cuh"
#include "kernels/cuda/selective_scan_prepare.cuh"

/// The selective scan for 16-bit tensors, sequential in time, one launch.
///
/// A block owns kParts · kPer channels (kPer = 32 / kLanes) and walks them in rounds of 32 tokens.
/// kParts of its warps prepare the next round (softplus, Δ·u, B and C transposed into shared
/// memory) and finish the last one (D·u, gate, store); the others advance kSets parts each: kLanes
/// lanes hold kStates states each, one EX2 and three FP32 operations per state and token. A warp
/// waits for the other kind's warps only, so one may run a round ahead of the next. What limits it:
/// docs/kernels.md.
namespace ssmprof::kernels::cuda {

struct ScanFastParams {
  SelectiveScanArgs args;
};

/// `kApart`: the preparing warps have every fourth scheduler to themselves.
template <class T, class L, int kBlocksPerSm, int kAhead, bool kPipelined, bool kApart,
          bool kOctetsAligned>
__global__ void __launch_bounds__(kApart ? 4 * 32 * L::kParts : L::kThreads, kBlocksPerSm)
    scan_fast_kernel(const ScanFastParams p) {
  const SelectiveScanArgs& a = p.args;
  float* const shared = shared_floats();
  const ScanWalk walk(a, L::kChannels);
  auto* const prepared = reinterpret_cast<Gate*>(shared + L::kGatesAt);
  Gate* const advanced = prepared + L::kBuffers;

  int warp = static_cast<int>(threadIdx.x) / 32;
  bool prepares = warp >= L::kWorkers;
  if (kApart) {
    prepares = warp % 4 == 3;
    if (!prepares && warp >= L::kWorkers) return;
    if (prepares) warp = L::kWorkers + warp / 4;
  }
  const int lane = threadIdx.x % 32;
  if (threadIdx.x < L::kBuffers) {
    gate_init(prepared + threadIdx.x, L::kParts);
    gate_init(advanced + threadIdx.x, L::kWorkers);
  }
  if constexpr (L::kZeros > 0)
    for (int i = threadIdx.x; i < L::kBuffers * L::kZeros; i += L::kThreads)
      shared[i / L::kZeros * L::kBuffer + L::kZeroAt + i % L::kZeros] = 0;
  block_barrier<L::kThreads>();
  if (prepares) {
    if (walk.rounds == 0) return;
    const int thread = (warp - L::kWorkers) * 32 + lane;
    if (a.delta_softplus && a.z.data != nullptr)
      ScanPreparer<T, L, kAhead, kOctetsAligned, true>(a, walk, shared, thread)
          .run(prepared, advanced);
    else
      ScanPreparer<T, L, kAhead, kOctetsAligned, false>(a, walk, shared, thread)
          .run(prepared, advanced);
    return;
  }

  ScanAdvancer<T, L, kPipelined> worker(warp, lane);
#pragma unroll
  for (int s = 0; s < L::kSets; ++s) {
    const std::int64_t channel =
        walk.block_channel + (warp * L::kSets + s) * L::kPer + L::channel_of(lane);
#pragma unroll
    for (int k = 0; k < L::kStates; ++k) {
      const int n = L::slot_of(lane) * L::kStates + k;
      const bool held = channel < a.channels && n < a.state;
      worker.decay[s][k] = held ? a.a[channel * a.state + n] * kLog2e : 0.0F;
      worker.h[s][k] = held && a.initial_state != nullptr
                           ? a.initial_state[(walk.item * a.channels + channel) * a.state + n]
                           : 0.0F;
    }
  }
  if constexpr (kPipelined) {
    worker.run_ahead(shared, prepared, advanced, walk.rounds);
  } else {
    for (int r = 0; r < walk.rounds; ++r) {
      gate_wait(prepared + r % L::kBuffers, r / L::kBuffers % 2);
      worker.round(shared + r % L::kBuffers * L::kBuffer);
      gate_come(advanced + r % L::kBuffers);
    }
  }
  if (a.final_state == nullptr) return;
#pragma unroll
  for (int s = 0; s < L::kSets; ++s) {
    const std::int64_t channel =
        walk.block_channel + (warp * L::kSets + s) * L::kPer + L::channel_of(lane);
#pragma unroll
    for (int k = 0; k < L::kStates; ++k) {
      const int n = L::slot_of(lane) * L::kStates + k;
      if (channel < a.channels && n < a.state)
        a.final_state[(walk.item * a.channels + channel) * a.state + n] = worker.h[s][k];
    }
  }
}

}  // namespace ssmprof::kernels::cuda
