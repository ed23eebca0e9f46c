#include <algorithm>

#include "kernels/cuda/ssd_hopper.cuh"
#include "kernels/cuda/ssd_hopper_kernel.cuh"

namespace ssmprof::kernels::cuda {
namespace {

using namespace ssd_detail;

template <int kWarpgroups>
struct Registers;
template <>
struct Registers<1> {
  static constexpr int kConsumer = 216, kProducer = 40;
};
template <>
struct Registers<2> {
  static constexpr int kConsumer = 232, kProducer = 40;
};
template <>
struct Registers<3> {
  static constexpr int kConsumer = 160, kProducer = 32;
};

template <typename T, int kWarpgroups, int kPanels, bool kOutputs>
__device__ __forceinline__ void hopper_consumer(const HopperParams& p, const HopperUnit& u,
                                                char* smem, int w) {
  using Layout = HopperLayout<kWarpgroups, kPanels, kOutputs>;
  const SsdArgs& a = p.args;
  const std::uint32_t base = sm90::smem_address(smem);
  const std::uint32_t full = base + Layout::kBarriers, empty = full + Layout::kStages * 8;
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32 % 4;
  const bool works = w < u.pairs;
  const int head = works ? u.head(p, w) : 0;
  const int row0 = works ? u.row0(p, w) : 0;
  const int state_rows = works ? min(64, static_cast<int>(a.head_dim) - row0) : 0;
  const int n_state = static_cast<int>(a.state);
  const float skip = kOutputs && a.d ? a.d[head] : 0.0F;
  const std::int64_t row_size = a.state;
  const std::int64_t sequences = a.sequences.starts ? a.sequences.count : a.batch;
  const auto state_at = [&](std::int64_t slot) {
    return ((slot * a.heads + head) * a.head_dim + row0) * row_size;
  };

  float s[kPanels][32];
#pragma unroll
  for (int q = 0; q < kPanels; ++q) {
#pragma unroll
    for (int i = 0; i < 32; ++i) s[q][i] = 0.0F;
  }
  const std::uint32_t staged = base + Layout::kState + w * Layout::kStateBytes;
  if constexpr (kOutputs) {
    float* from = nullptr;
    if (p.plan.segments > 1 && (u.segment > 0 || a.initial_state)) {
      from = p.states + state_at(u.segment * sequences + u.sequence);
    } else if (a.initial_state) {
      from = const_cast<float*>(a.initial_state) + state_at(u.sequence);
    }
    if (from) state_copy<kPanels, true>(s, from, state_rows, n_state, warp, lane);
    state_to_shared<T, kPanels>(s, staged, warp, lane);
    sm90::fence_async();
    sm90::group_barrier(1 + w, 128);
  }
  float decayed = 0.0F;

  int stage = 0;
  std::uint32_t phase = 0;
  for (std::int64_t chunk = u.chunk_begin; chunk < u.chunk_end; ++chunk) {
    sm90::mbarrier_wait(full + stage * 8, phase);
    const std::uint32_t tile = base + stage * Layout::kStage;
    const std::uint32_t tile_x = tile + Layout::kX + w * sm90::kPanelBytes;
    if (works) {
      sm90::fence_async();
      const float* cs =
          reinterpret_cast<const float*>(smem + Layout::kTimes + stage * Layout::kTimesStage) +
          w * 128;
      const float* csd = cs + 64;
      const std::uint64_t desc_x = sm90::panel_descriptor(tile_x);
      const std::uint64_t desc_b = sm90::panel_descriptor(tile + Layout::kB);
      float g[kOutputs ? 32 : 1], y[kOutputs ? 32 : 1];
      if constexpr (kOutputs) {
        const std::uint64_t desc_c = sm90::panel_descriptor(tile + Layout::kC);
        const std::uint64_t desc_s = sm90::panel_descriptor(staged);
        sm90::wgmma_fence();
#pragma unroll
        for (int k = 0; k < 4 * kPanels; ++k) {
          const int at = (k / 4) * (sm90::kPanelBytes / 16) + (k % 4) * 2;
          sm90::wgmma_ss<T>(g, desc_c + at, desc_b + at, k > 0);
        }
        sm90::wgmma_commit();
#pragma unroll
        for (int k = 0; k < 4 * kPanels; ++k) {
          const int at = (k / 4) * (sm90::kPanelBytes / 16) + (k % 4) * 2;
          sm90::wgmma_ss<T>(y, desc_c + at, desc_s + at, k > 0);
        }
        sm90::wgmma_commit();
      }
      const float end = cs[63];
      std::uint32_t xw[4][4];
      scaled_x<T>(xw, tile_x, csd, end, warp, lane);
      const float keep = sm90::exp2_fast(end);
      decayed += end;
#pragma unroll
      for (int q = 0; q < kPanels; ++q) {
#pragma unroll
        for (int i = 0; i < 32; ++i) s[q][i] *= keep;
      }
      sm90::wgmma_fence();
#pragma unroll
      for (int q = 0; q < kPanels; ++q) {
#pragma unroll
        for (int k = 0; k < 4; ++k) {
          sm90::wgmma_rs<T>(s[q], xw[k], desc_b + q * (sm90::kPanelBytes / 16) + k * 128);
        }
      }
      sm90::wgmma_commit();
      if constexpr (kOutputs) {
        sm90::wgmma_wait<2>();
        sm90::pin(g);
        std::uint32_t m[4][4];
        decayed_scores<T>(m, g, cs, csd, warp, lane);
        sm90::wgmma_wait<1>();
        sm90::pin(y);
        const float e0 = sm90::exp2_fast(cs[warp * 16 + lane / 4]);
        const float e1 = sm90::exp2_fast(cs[warp * 16 + lane / 4 + 8]);
#pragma unroll
        for (int j = 0; j < 8; ++j) {
          y[4 * j] *= e0, y[4 * j + 1] *= e0;
          y[4 * j + 2] *= e1, y[4 * j + 3] *= e1;
        }
        sm90::wgmma_fence();
#pragma unroll
        for (int k = 0; k < 4; ++k) sm90::wgmma_rs<T>(y, m[k], desc_x + k * 128);
        sm90::wgmma_commit();
        sm90::wgmma_wait<1>();
#pragma unroll
        for (int q = 0; q < kPanels; ++q) sm90::pin(s[q]);
        state_to_shared<T, kPanels>(s, staged, warp, lane);
        sm90::fence_async();
        sm90::wgmma_wait<0>();
        sm90::pin(y);
        sm90::group_barrier(1 + w, 128);
        write_outputs<T>(p, u, y,
                         smem + stage * Layout::kStage + Layout::kX + w * sm90::kPanelBytes,
                         chunk * kSsdChunk, head, row0, skip, warp, lane);
      } else {
        sm90::wgmma_wait<0>();
#pragma unroll
        for (int q = 0; q < kPanels; ++q) sm90::pin(s[q]);
      }
    }
    __syncwarp();
    if (lane == 0) sm90::mbarrier_arrive(empty + stage * 8);
    if (++stage == Layout::kStages) stage = 0, phase ^= 1U;
  }
  if (!works) return;
  if constexpr (kOutputs) {
    if (a.final_state && u.segment == p.plan.segments - 1) {
      state_copy<kPanels, false>(s, a.final_state + state_at(u.sequence), state_rows, n_state, warp,
                                 lane);
    }
  } else {
    const std::int64_t slot = (u.segment + 1) * sequences + u.sequence;
    state_copy<kPanels, false>(s, p.states + state_at(slot), state_rows, n_state, warp, lane);
    if (threadIdx.x % 128 == 0 && row0 == 0) p.decays[slot * a.heads + head] = decayed;
  }
}

template <typename T, int kWarpgroups, int kPanels, bool kOutputs>
__global__ void __launch_bounds__((kWarpgroups + 1) * 128, kWarpgroups == 1 ? 2 : 1)
    ssd_hopper_kernel(const __grid_constant__ HopperParams p) {
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
  using Layout = HopperLayout<kWarpgroups, kPanels, kOutputs>;
  extern __shared__ __align__(1024) char smem[];
  const std::uint32_t full = sm90::smem_address(smem) + Layout::kBarriers;
  if (threadIdx.x == 0) {
    for (int i = 0; i < Layout::kStages; ++i) {
      sm90::mbarrier_init(full + i * 8, 256);
      sm90::mbarrier_init(full + (Layout::kStages + i) * 8, kWarpgroups * 4);
    }
    sm90::fence_async();
  }
  __syncthreads();
  const HopperUnit u(p, kWarpgroups);
  const int w = static_cast<int>(threadIdx.x) / 128;
  if (w == kWarpgroups) {
    sm90::registers_lower<Registers<kWarpgroups>::kProducer>();
    hopper_producer<T, kWarpgroups, kPanels, kOutputs>(p, u, smem, threadIdx.x % 128);
  } else {
    sm90::registers_raise<Registers<kWarpgroups>::kConsumer>();
    hopper_consumer<T, kWarpgroups, kPanels, kOutputs>(p, u, smem, w);
  }
#endif
}

/// Turns the states that the segments reach from zero into the states that they start from.
__global__ void ssd_carry_kernel(const HopperParams p, std::int64_t per_slot) {
  const SsdArgs& a = p.args;
  const std::int64_t i = blockIdx.x * static_cast<std::int64_t>(blockDim.x) + threadIdx.x;
  if (i >= per_slot) return;
  const std::int64_t pair = i / (a.head_dim * a.state);  // (sequence, head)
  const std::int64_t pairs = per_slot / (a.head_dim * a.state);
  float run = 0.0F;
  if (a.initial_state) p.states[i] = run = a.initial_state[i];
  const int segments = static_cast<int>(p.plan.segments);
#pragma unroll 4
  for (int j = 1; j < segments; ++j) {
    float* at = p.states + j * per_slot + i;
    run = fmaf(run, exp2f(p.decays[j * pairs + pair]), *at);
    *at = run;
  }
}

template <typename T, int kWarpgroups, int kPanels, bool kOutputs>
void launch(const HopperParams& p, std::int64_t segments, cudaStream_t stream) {
  using Layout = HopperLayout<kWarpgroups, kPanels, kOutputs>;
  const auto kernel = ssd_hopper_kernel<T, kWarpgroups, kPanels, kOutputs>;
  static const cudaError_t prepared =
      cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, Layout::kBytes);
  check(prepared, "ssd: shared memory");
  const std::int64_t sequences = p.args.sequences ? p.args.sequences.count : p.args.batch;
  const dim3 grid(static_cast<unsigned>(sequences * p.args.groups * p.group_tiles),
                  static_cast<unsigned>(segments));
  kernel<<<grid, (kWarpgroups + 1) * 128, Layout::kBytes, stream>>>(p);
  check_launch("ssd");
}

template <typename T, int kWarpgroups, int kPanels>
void run(const HopperParams& p, cudaStream_t stream) {
  if (p.plan.segments > 1) {
    launch<T, kWarpgroups, kPanels, false>(p, p.plan.segments - 1, stream);
    const std::int64_t per_slot = p.args.batch * p.args.heads * p.args.head_dim * p.args.state;
    ssd_carry_kernel<<<static_cast<unsigned>((per_slot + 255) / 256), 256, 0, stream>>>(p,
                                                                                        per_slot);
    check_launch("ssd carry");
  }
  launch<T, kWarpgroups, kPanels, true>(p, p.plan.segments, stream);
}

template <typename T>
void run_dtype(const HopperParams& p, cudaStream_t stream) {
  if (p.plan.panels == 1) return run<T, 2, 1>(p, stream);
  if (p.plan.panels == 2) {
    if (p.plan.warpgroups == 3) return run<T, 3, 2>(p, stream);
    return run<T, 2, 2>(p, stream);
  }
  run<T, 2, 4>(p, stream);
}

}  // namespace

bool ssd_hopper_supports(const SsdArgs& args) {
  const bool positive = args.dt_softplus || args.dt_min >= 0.0F;
  return args.dtype != DType::f32 && positive && args.state <= 256;
}

SsdPlan ssd_hopper_plan(const SsdArgs& args, int processors) {
  SsdPlan plan;
  plan.panels = args.state <= 64 ? 1 : args.state <= 128 ? 2 : 4;
  plan.row_tiles = (args.head_dim + 63) / 64;
  plan.chunks = (args.length + kSsdChunk - 1) / kSsdChunk;
  const std::int64_t pairs = args.heads / args.groups * plan.row_tiles;
  const std::int64_t tiles = (pairs + plan.warpgroups - 1) / plan.warpgroups;
  const std::int64_t units =
      (args.sequences ? args.sequences.count : args.batch) * args.groups * tiles;
  if (!args.sequences && units * 2 <= processors) {
    plan.segments = std::min<std::int64_t>(processors / units, plan.chunks);
  }
  plan.chunks_per_segment = (plan.chunks + plan.segments - 1) / plan.segments;
  if (plan.chunks_per_segment > 0) {
    plan.segments = std::max<std::int64_t>(
        1, (plan.chunks + plan.chunks_per_segment - 1) / plan.chunks_per_segment);
  }
  return plan;
}

std::size_t ssd_hopper_workspace(const SsdArgs& args, const SsdPlan& plan) {
  if (plan.segments == 1) return 0;
  const std::int64_t pairs = args.batch * args.heads;
  return static_cast<std::size_t>(plan.segments * pairs * (args.head_dim * args.state + 1));
}

void ssd_hopper(const SsdArgs& args, const SsdPlan& plan, void* stream) {
  const auto width = [&](const ConstRows& r, std::int64_t inner) {
    const auto fits = [&](int bytes) {
      return reinterpret_cast<std::uintptr_t>(r.data) % bytes == 0 &&
             r.row_stride * 2 % bytes == 0 && r.batch_stride * 2 % bytes == 0 &&
             inner * 2 % bytes == 0;
    };
    return fits(16) ? 16 : fits(4) ? 4 : 2;
  };
  HopperParams p{};
  p.args = args;
  p.dt = {args.dt_softplus, args.dt_min, args.dt_max};
  p.plan = plan;
  const std::int64_t pairs = args.heads / args.groups * plan.row_tiles;
  p.group_tiles = static_cast<int>((pairs + plan.warpgroups - 1) / plan.warpgroups);
  p.x_bytes = width(args.x, args.head_dim);
  p.b_bytes = width(args.b, args.groups > 1 ? args.state : 8);
  p.c_bytes = width(args.c, args.groups > 1 ? args.state : 8);
  p.out_vector = width(args.out, args.head_dim) == 16;
  p.states = static_cast<float*>(args.workspace);
  p.decays = p.states + plan.segments * args.batch * args.heads * args.head_dim * args.state;
  const auto s = static_cast<cudaStream_t>(stream);
  if (args.dtype == DType::bf16) {
    run_dtype<bf16>(p, s);
  } else {
    run_dtype<f16>(p, s);
  }
}

}  // namespace ssmprof::kernels::cuda
