#pragma once

#include "kernels/cuda/ssd_hopper_outputs.cuh"
#include "kernels/cuda/ssd_hopper_producer.cuh"
#include "kernels/cuda/ssd_hopper_states.cuh"

/// The chunked kernels: the roles that their warpgroups take.
namespace ssmprof::kernels::cuda::ssd_detail {

/// Threads and registers of a kernel: 128 threads feed, 128 per pair keep the state, 128 more per
/// pair compute the outputs. The registers of the roles add up to those at entry.
template <int kWarpgroups, int kPanels, bool kOutputs>
struct Shape {
  static constexpr int kThreads = 128 * (1 + kWarpgroups * (kOutputs ? 2 : 1));
  static constexpr int kBlocks = !kOutputs && kPanels <= 2 ? 2 : 1;  // per multiprocessor
  static constexpr int kProducer = kPanels > 2 || kOutputs ? 40 : 32;
  static constexpr int kState = kPanels > 2 ? 232 : 104;
  static constexpr int kOutput = kPanels > 2 ? 232 : 112;
};

template <typename Layout>
__device__ __forceinline__ void prepare_ring(std::uint32_t base, int full_arrivals,
                                             int empty_arrivals) {
  const std::uint32_t full = base + Layout::kBarriers;
  for (int i = 0; i < Layout::kStages; ++i) {
    sm90::mbarrier_init(full + i * 8, full_arrivals);
    sm90::mbarrier_init(full + (Layout::kStages + i) * 8, empty_arrivals);
  }
}

template <typename T, int kWarpgroups, int kPanels, Form kForm, bool kBulk, bool kGate>
__global__ void __launch_bounds__(Shape<kWarpgroups, kPanels, true>::kThreads, 1)
    ssd_outputs_kernel(const __grid_constant__ HopperParams p) {
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
  using Layout = HopperLayout<kWarpgroups, kPanels, true, kGate>;
  using Registers = Shape<kWarpgroups, kPanels, true>;
  extern __shared__ __align__(1024) char smem[];
  const std::uint32_t base = sm90::smem_address(smem);
  if (threadIdx.x == 0) {
    if constexpr (kBulk) {
      sm90::prefetch_map(&p.x_map), sm90::prefetch_map(&p.b_map), sm90::prefetch_map(&p.c_map);
    }
    prepare_ring<Layout>(base, kBulk ? 33 : 256, kWarpgroups * 5);
    for (int i = 0; i < kWarpgroups * 6; ++i) {  // the state's and the outputs'
      sm90::mbarrier_init(base + Layout::kStateBarriers + i * 8, 128);
    }
    sm90::fence_async();
  }
  __syncthreads();
  if (kForm == Form::both || p.plan.segments == 1) sm90::wait_for_predecessor();
  sm90::release_successor();
  const HopperUnit u(p, kWarpgroups, true);
  const int group = __shfl_sync(0xffffffffU, static_cast<int>(threadIdx.x) / 128, 0);
  const int thread = static_cast<int>(threadIdx.x) % 128;
  if (group == 0) {
    sm90::registers_lower<Registers::kProducer>();
    hopper_producer<T, kWarpgroups, kPanels, kForm, kBulk, kGate>(p, u, base, thread);
  } else {
    const int w = (group - 1) % kWarpgroups;
    if (w >= u.pairs) {
      const Passage<kForm> passage(p, u);
      const bool arrives = group <= kWarpgroups ? thread % 32 == 0 : thread == 0;
      idle_role<Layout>(0, passage.backward, base, arrives);
      if constexpr (kForm == Form::both) carry_elsewhere();
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
  const std::uint32_t base = sm90::smem_address(smem);
  if (threadIdx.x == 0) {
    if constexpr (kBulk) sm90::prefetch_map(&p.x_map), sm90::prefetch_map(&p.b_map);
    prepare_ring<Layout>(base, kBulk ? 33 : 256, kWarpgroups * 4);
    sm90::fence_async();
  }
  __syncthreads();
  sm90::wait_for_predecessor();
  sm90::release_successor();  // after the wait: the outputs read what this launch reads
  const int thread = static_cast<int>(threadIdx.x) % 128;
  const int w = __shfl_sync(0xffffffffU, static_cast<int>(threadIdx.x) / 128, 0) - 1;
  if (w < 0) {
    sm90::registers_lower<Registers::kProducer>();
    const HopperUnit u(p, kWarpgroups, false);
    hopper_producer<T, kWarpgroups, kPanels, Form::states, kBulk, false>(p, u, base, thread);
    carry_elsewhere();
  } else {
    sm90::registers_raise<Registers::kState>();
    const HopperUnit u(p, kWarpgroups, false);
    const std::uint32_t decays = base + Layout::kDecays;  // the ring holds the fragments
    if (w < u.pairs) {
      RingPlace place;
      float s[kPanels][32];
      const float decayed =
          stretch_state<T, Layout, kPanels, kBulk, false>(s, u.chunks, base, w, place);
      sm90::group_barrier(15, HopperUnit(p, kWarpgroups, false).pairs * 128);
      leave_state<kPanels>(s, decayed, base, decays, w, static_cast<int>(threadIdx.x % 128));
    } else {
      idle_role<Layout>(0, u.chunks, base, thread % 32 == 0);
    }
    sm90::cluster_barrier();
    const HopperUnit again(p, kWarpgroups, false);
    if (w < again.pairs) {
      carry_states<kWarpgroups, kPanels>(p, again, base, decays, w,
                                         static_cast<int>(threadIdx.x % 128));
    }
    sm90::cluster_barrier();
  }
#endif
}

}  // namespace ssmprof::kernels::cuda::ssd_detail
