#pragma once

#include "kernels/cuda/ssd_hopper_outputs.cuh"
#include "kernels/cuda/ssd_hopper_producer.cuh"
#include "kernels/cuda/ssd_hopper_states.cuh"

/// The chunked kernels: the roles that their warpgroups take.
namespace ssmprof::kernels::cuda::ssd_detail {

/// A thread initialises the block's mbarriers, for which barriers_ready() waits. `sums`: bytes that
/// the cluster sends to this block; 0: this block's own warps arrive.
template <typename Layout, int kWarpgroups, bool kBulk, bool kOutputs>
__device__ __forceinline__ void prepare_barriers(std::uint32_t base, int sums) {
  const std::uint32_t ring = base + Layout::kBarriers;
  for (int i = 0; i < Layout::kStages; ++i) {
    mbarrier_init(ring + i * 8, kBulk ? 33 : 256);
    mbarrier_init(ring + (Layout::kStages + i) * 8, kWarpgroups * (kOutputs ? 5 : 4));
  }
  for (int i = 0; kOutputs && i < kWarpgroups * 6; ++i) {  // the state's and the outputs'
    mbarrier_init(base + Layout::kStateBarriers + i * 8, 128);
  }
  mbarrier_init(base + Layout::kCarryBarrier, sums > 0 ? 1 : kWarpgroups * 4);
  if (sums > 0) mbarrier_expect(base + Layout::kCarryBarrier, sums);
  sm90::fence_barriers();
  sm90::fence_async();
}

/// Those of the states that come from the block before; the first block has its own.
template <typename Layout, int kWarpgroups, int kPanels>
__device__ __forceinline__ void prepare_relay(std::uint32_t base) {
  const std::uint32_t bytes = blockIdx.y > 0 ? 4 * kPieceBytes : 0;
#pragma unroll
  for (int i = 0; i < kWarpgroups * kPanels * 8; ++i) {
    mbarrier_init(base + Layout::kRelayBarriers + i * 8, 1);
  }
#pragma unroll
  for (int i = 0; i < kWarpgroups * kPanels * 8; ++i) {
    mbarrier_expect(base + Layout::kRelayBarriers + i * 8, bytes);
  }
  sm90::fence_barriers();
}

template <typename T, int kWarpgroups, int kPanels, Form kForm, bool kBulk, bool kGate>
__global__ void __launch_bounds__(Shape<kWarpgroups, kPanels, true>::kThreads, 1)
    ssd_outputs_kernel(const __grid_constant__ HopperParams p) {
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
  using Layout = HopperLayout<kWarpgroups, kPanels, true, kInRing<kBulk, kGate>>;
  using Registers = Shape<kWarpgroups, kPanels, true>;
  extern __shared__ __align__(1024) char smem[];
  const std::uint32_t base = shared_address(smem);
  const int warp = static_cast<int>(__shfl_sync(0xffffffffU, threadIdx.x / 32, 0));
  const int thread = static_cast<int>(threadIdx.x % 128), group = warp >> 2;
  const HopperUnit u(p, kWarpgroups, true);
  if (warp == 3) {
    if (thread % 32 == 0) prepare_barriers<Layout, kWarpgroups, kBulk, true>(base, 0);
    __syncwarp();
    sm90::group_arrive(8, Registers::kThreads);
  } else if (!kBulk || warp > 3) {
    if (kForm == Form::both && warp == 4) {
      if (thread == 0) prepare_relay<Layout, kWarpgroups, kPanels>(base);
      __syncwarp();
    }
    barriers_ready<Registers::kThreads>();
  }
  // The others are not through the block's barrier yet, and arrive after it. Under
  // compute-sanitizer a warp that arrives, and one that waits, goes on when all of the block have
  // come: until then none may need another.
  if (kForm == Form::both && warp >= 3) sm90::cluster_arrive();
  if (kForm == Form::both || p.cut.segments == 1) sm90::wait_for_predecessor();
  sm90::release_successor();
  if (group == 0) {
    sm90::registers_lower<Registers::kProducer>();
    hopper_producer<T, kWarpgroups, kPanels, kForm, kBulk, kGate>(p, u, base, thread);
  } else {
    if constexpr (kForm == Form::both) sm90::cluster_wait();
    const int w = (group - 1) % kWarpgroups;
    if (w >= u.pairs) {
      const Passage<kForm> passage(p, u);
      const bool arrives = group <= kWarpgroups ? thread % 32 == 0 : thread == 0;
      idle_role<Layout>(0, passage.backward, base, arrives);
      if (kForm == Form::both && group <= kWarpgroups && arrives) {
        mbarrier_arrive(base + Layout::kCarryBarrier);
      }
      idle_role<Layout>(passage.backward, passage.total, base, arrives);
    } else if (group <= kWarpgroups) {
      sm90::registers_raise<Registers::kState>();
      // What the outputs need of the states' launch reaches them through this warpgroup.
      sm90::wait_for_predecessor();
      state_role<T, kWarpgroups, kPanels, kForm, kBulk, kGate>(p, base, w, thread);
    } else {
      sm90::registers_raise<Registers::kOutput>();
      outputs_role<T, kWarpgroups, kPanels, kForm, kBulk, kGate>(p, u, base, w);
    }
  }
#endif
}

template <typename T, int kWarpgroups, int kPanels, bool kBulk>
__global__ void __launch_bounds__(Shape<kWarpgroups, kPanels, false>::kThreads,
                                  Shape<kWarpgroups, kPanels, false>::kBlocks)
    ssd_states_kernel(const __grid_constant__ HopperParams p) {
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
  using Layout = HopperLayout<kWarpgroups, kPanels, false, false>;
  using Registers = Shape<kWarpgroups, kPanels, false>;
  extern __shared__ __align__(1024) char smem[];
  const std::uint32_t base = shared_address(smem);
  const int warp = static_cast<int>(__shfl_sync(0xffffffffU, threadIdx.x / 32, 0));
  const int thread = static_cast<int>(threadIdx.x % 128), w = (warp >> 2) - 1;
  const HopperUnit u(p, kWarpgroups, false);
  if (warp == 3) {
    const int sums = carry_bytes<kPanels>(p, u.pairs);
    if (thread % 32 == 0) prepare_barriers<Layout, kWarpgroups, kBulk, false>(base, sums);
    __syncwarp();
    sm90::group_arrive(8, Registers::kThreads);
  } else if (!kBulk || warp > 3) {
    barriers_ready<Registers::kThreads>();
  }
  sm90::wait_for_predecessor();
  sm90::release_successor();  // after the wait: the outputs read what this launch reads
  if (w < 0) {
    sm90::registers_lower<Registers::kProducer>();
    hopper_producer<T, kWarpgroups, kPanels, Form::states, kBulk, false>(p, u, base, thread);
    sm90::cluster_arrive();
    sm90::cluster_wait();
  } else {
    sm90::registers_raise<Registers::kState>();
    float s[kPanels][32], decayed = 0.0F;
    if (w < u.pairs) {
      RingPlace ring;
      decayed = stretch_state<T, Layout, kPanels, kBulk, false>(s, u.chunks, base, w, ring);
    } else {
      idle_role<Layout>(0, u.chunks, base, thread % 32 == 0);
    }
    // Where the ring was, the sums of all blocks meet.
    sm90::cluster_arrive();
    sm90::cluster_wait();
    const HopperUnit again(p, kWarpgroups, false);
    if (w >= again.pairs) return;
    const int t = static_cast<int>(threadIdx.x % 128), ranks = static_cast<int>(gridDim.y);
    const CarryPlace place{base + w * ranks * p.cut.pieces * kPieceBytes,
                           base + Layout::kDecays + w * static_cast<int>(kSsdMaxStretches) * 4,
                           base + Layout::kCarryBarrier};
    if (ranks == 1) return sums_to_memory<kWarpgroups>(p, again, s, decayed, w, t);
    send_sums(p, place, s, decayed, t);
    if (ranks <= 4) {
      carry_to_memory<kWarpgroups, kPanels, 4>(p, again, place, w, t);
    } else {
      carry_to_memory<kWarpgroups, kPanels, kSsdMaxStretches>(p, again, place, w, t);
    }
  }
#endif
}

}  // namespace ssmprof::kernels::cuda::ssd_detail
