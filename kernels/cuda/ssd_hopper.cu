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
  static constexpr int kConsumer = 248, kProducer = 40;
};
template <>
struct Registers<2> {
  static constexpr int kConsumer = 232, kProducer = 40;
};
template <>
struct Registers<3> {
  static constexpr int kConsumer = 160, kProducer = 32;
};

template <bool kFirst, typename A, typename B>
__device__ __forceinline__ auto& choose(A& a, B& b) {
  if constexpr (kFirst) {
    return a;
  } else {
    return b;
  }
}

template <typename T, int kWarpgroups, int kPanels, bool kOutputs, bool kBulk, bool kGate>
__device__ __forceinline__ void hopper_consumer(const HopperParams& p, const HopperUnit& u,
                                                char* smem, int w) {
  using Layout = HopperLayout<kWarpgroups, kPanels, kOutputs>;
  constexpr bool kLean = kPanels > 2 || kWarpgroups > 2;  // fewer accumulators alive at once
  const SsdArgs& a = p.args;
  const std::uint32_t base = sm90::smem_address(smem);
  const std::uint32_t full = base + Layout::kBarriers, empty = full + Layout::kStages * 8;
  const int lane = threadIdx.x % 32, warp = __shfl_sync(0xffffffffU, threadIdx.x / 32 % 4, 0);
  const bool works = w < u.pairs;
  const int head = works ? u.head(p, w) : 0;
  const int row0 = works ? u.row0(p, w) : 0;
  const int state_rows = works ? min(64, static_cast<int>(a.head_dim) - row0) : 0;
  const int n_state = static_cast<int>(a.state);
  const float skip = kOutputs && a.d ? a.d[head] : 0.0F;
  const std::int64_t state_at = ((u.sequence * a.heads + head) * a.head_dim + row0) * a.state;

  if (!works) {  // keeps the ring turning
    int stage = 0;
    std::uint32_t phase = 0;
    for (std::int64_t chunk = u.chunk_begin; chunk < u.chunk_end; ++chunk) {
      sm90::mbarrier_wait(full + stage * 8, phase);
      __syncwarp();
      if (lane == 0) sm90::mbarrier_arrive(empty + stage * 8);
      if (++stage == Layout::kStages) stage = 0, phase ^= 1U;
    }
    return;
  }
  float s[kPanels][32];
#pragma unroll
  for (int q = 0; q < kPanels; ++q) {
#pragma unroll
    for (int i = 0; i < 32; ++i) s[q][i] = 0.0F;
  }
  const PanelOffsets offsets(warp, lane);
  const std::uint32_t staged = base + Layout::kState + w * Layout::kStateBytes;
  const std::uint32_t state_out = staged + offsets.straight;
  // The thread's place in z and in out; both move on by a chunk at a time.
  const std::int64_t row = u.first + u.chunk_begin * kSsdChunk + warp * 16;
  const std::int64_t column = static_cast<std::int64_t>(head) * a.head_dim + row0;
  const int pair = (lane % 4) * 2, piece = (lane % 8) * 8;
  T* out = nullptr;
  const std::uint16_t* z = nullptr;
  int rows = 0;
  if constexpr (kOutputs) {
    out = static_cast<T*>(a.out.data) + u.batch * a.out.batch_stride +
          (row + lane / 8) * a.out.row_stride + column + piece;
    rows = static_cast<int>(
               min(u.length - u.chunk_begin * kSsdChunk, static_cast<std::int64_t>(1) << 30)) -
           warp * 16;
    if (p.plan.segments > 1 && (u.segment > 0 || a.initial_state)) {
      const float2* from =
          segment_state<kWarpgroups, kPanels>(p, u, u.segment, w, threadIdx.x % 128);
#pragma unroll
      for (int e = 0; e < kPanels * 16; ++e) {
        const float2 v = from[e * 128];
        s[e / 16][e % 16 * 2] = v.x, s[e / 16][e % 16 * 2 + 1] = v.y;
      }
    } else if (a.initial_state) {
      state_copy<kPanels, true>(s, const_cast<float*>(a.initial_state) + state_at, state_rows,
                                n_state, warp, lane);
    }
    state_to_shared<T, kPanels>(s, state_out);
    sm90::fence_async();
    sm90::group_barrier(1 + w, 128);
  }
  if constexpr (kGate) {
    z = static_cast<const std::uint16_t*>(a.z.data) + u.batch * a.z.batch_stride +
        (row + lane / 4) * a.z.row_stride + column + pair;
  }
  float decayed = 0.0F;

  int stage = 0;
  std::uint32_t phase = 0;
  const int chunks = static_cast<int>(u.chunk_end - u.chunk_begin);
#pragma unroll 1
  for (int chunk = 0; chunk < chunks; ++chunk) {
    sm90::mbarrier_wait(full + stage * 8, phase);
    const std::uint32_t tile = base + stage * Layout::kStage;
    const std::uint32_t tile_x = tile + Layout::kX + w * sm90::kPanelBytes;
    if constexpr (!kBulk) sm90::fence_async();
    const float* cs =
        reinterpret_cast<const float*>(smem + Layout::kTimes + stage * Layout::kTimesStage) +
        w * 128;
    const float* csd = cs + 64 + pair;
    const std::uint64_t desc_x = sm90::panel_descriptor(tile_x);
    const std::uint64_t desc_b = sm90::panel_descriptor(tile + Layout::kB);
    const std::uint64_t desc_c = sm90::panel_descriptor(tile + Layout::kC);
    const std::uint64_t desc_s = sm90::panel_descriptor(staged);
    float g[kOutputs ? 32 : 1], own[kOutputs && !kLean ? 32 : 1];
    float(&y)[kOutputs ? 32 : 1] = choose < kLean || !kOutputs > (g, own);
    std::uint32_t gate[kGate ? 16 : 1];
    std::uint32_t fc[kOutputs && !kLean ? 4 * kPanels : 1][4];  // C as the left operand
    if constexpr (kOutputs && !kLean) {
#pragma unroll
      for (int k = 0; k < 4 * kPanels; ++k) {
        sm90::ldmatrix_x4(fc[k], ((tile + Layout::kC + offsets.straight) ^ (k % 4 * 32)) +
                                     k / 4 * sm90::kPanelBytes);
      }
    }
    // y or g = C · (panels of 64 rows)ᵀ, contracted over the state index.
    const auto product_c = [&](float(&d)[kOutputs ? 32 : 1], std::uint64_t right) {
      if constexpr (kOutputs) {
#pragma unroll
        for (int k = 0; k < 4 * kPanels; ++k) {
          const int at = (k / 4) * (sm90::kPanelBytes / 16) + (k % 4) * 2;
          if constexpr (kLean) {
            sm90::wgmma_ss<T>(d, desc_c + at, right + at, k > 0);
          } else {
            sm90::wgmma_rs<T, false>(d, fc[k], right + at, k > 0);
          }
        }
      }
      sm90::wgmma_commit();
    };
    const float end = cs[63];
    decayed += end;
    std::uint32_t xw[4][4];
    const auto decay_state = [&] {
      const float keep = sm90::exp2_fast(end);
#pragma unroll
      for (int q = 0; q < kPanels; ++q) {
#pragma unroll
        for (int i = 0; i < 32; ++i) s[q][i] *= keep;
      }
    };
    const auto update_state = [&] {
#pragma unroll
      for (int q = 0; q < kPanels; ++q) {
#pragma unroll
        for (int k = 0; k < 4; ++k) {
          sm90::wgmma_rs<T, true>(s[q], xw[k], desc_b + q * (sm90::kPanelBytes / 16) + k * 128, 1);
        }
      }
      sm90::wgmma_commit();
    };
    if constexpr (kOutputs) {
      std::uint32_t m[4][4];
      const float cs0 = cs[warp * 16 + lane / 4], cs1 = cs[warp * 16 + lane / 4 + 8];
      const auto add_scores = [&] {
        scale_rows(y, cs0, cs1);
        sm90::wgmma_fence();
#pragma unroll
        for (int k = 0; k < 4; ++k) sm90::wgmma_rs<T, true>(y, m[k], desc_x + k * 128, 1);
        sm90::wgmma_commit();
      };
      if constexpr (!kLean) decay_state();
      sm90::wgmma_fence();
      product_c(g, desc_b);
      if constexpr (kLean) {
        sm90::wgmma_wait<0>();
        sm90::pin(g);
        decayed_scores<T>(m, g, cs0, cs1, csd, warp, lane);
        sm90::wgmma_fence();
        product_c(y, desc_s);
        decay_state();
        sm90::wgmma_wait<0>();
        sm90::pin(y);
        add_scores();
        if constexpr (kPanels > 2) {
          sm90::wgmma_wait<0>();
          sm90::pin(y);
        }
        scaled_x<T>(xw, tile_x + offsets.transposed, csd, end);
        sm90::wgmma_fence();
        update_state();
        sm90::wgmma_wait<0>();
        sm90::pin(y);
      } else {
        if constexpr (kGate) {
          load_gate(gate, z, a.z.row_stride, rows - lane / 4, state_rows - pair, p.z_pairs);
        }
        scaled_x<T>(xw, tile_x + offsets.transposed, csd, end);
        sm90::wgmma_fence();
        product_c(y, desc_s);
        update_state();
        sm90::wgmma_wait<2>();
        sm90::pin(g);
        decayed_scores<T>(m, g, cs0, cs1, csd, warp, lane);
        sm90::wgmma_wait<1>();
        sm90::pin(y);
        add_scores();
        sm90::wgmma_wait<1>();
      }
#pragma unroll
      for (int q = 0; q < kPanels; ++q) sm90::pin(s[q]);
      state_to_shared<T, kPanels>(s, state_out);
      sm90::fence_async();
      sm90::wgmma_wait<0>();
      sm90::pin(y);
      sm90::group_barrier(1 + w, 128);
      if constexpr (kGate && kLean) {
        load_gate(gate, z, a.z.row_stride, rows - lane / 4, state_rows - pair, p.z_pairs);
      }
      outputs_to_shared<T, kGate>(y, gate, tile_x + offsets.straight, skip);
      __syncwarp();
      store_outputs(tile_x + offsets.row, out, a.out.row_stride, rows - lane / 8,
                    state_rows - piece, p.out_vector);
      out += kSsdChunk * a.out.row_stride;
      rows -= static_cast<int>(kSsdChunk);
      if constexpr (kGate) z += kSsdChunk * a.z.row_stride;
    } else {
      decay_state();
      scaled_x<T>(xw, tile_x + offsets.transposed, csd, end);
      sm90::wgmma_fence();
      update_state();
      sm90::wgmma_wait<0>();
#pragma unroll
      for (int q = 0; q < kPanels; ++q) sm90::pin(s[q]);
    }
    __syncwarp();
    if (lane == 0) sm90::mbarrier_arrive(empty + stage * 8);
    if (++stage == Layout::kStages) stage = 0, phase ^= 1U;
  }
  if constexpr (kOutputs) {
    if (a.final_state && u.segment == p.plan.segments - 1) {
      state_copy<kPanels, false>(s, a.final_state + state_at, state_rows, n_state, warp, lane);
    }
  } else {
    // Every stage has been consumed: the ring now holds the fragments for the carry.
    sm90::group_barrier(15, u.pairs * 128);
    auto* fragments = reinterpret_cast<float2*>(smem) + w * kPanels * 16 * 128 + threadIdx.x % 128;
#pragma unroll
    for (int e = 0; e < kPanels * 16; ++e) {
      fragments[e * 128] = make_float2(s[e / 16][e % 16 * 2], s[e / 16][e % 16 * 2 + 1]);
    }
    if (threadIdx.x % 128 == 0) {
      reinterpret_cast<float*>(smem + Layout::kTimes)[w] = decayed;
    }
  }
}

template <typename T, int kWarpgroups, int kPanels, bool kOutputs, bool kBulk, bool kGate>
__global__ void __launch_bounds__((kWarpgroups + 1) * 128, 1)
    ssd_hopper_kernel(const __grid_constant__ HopperParams p) {
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
  using Layout = HopperLayout<kWarpgroups, kPanels, kOutputs>;
  extern __shared__ __align__(1024) char smem[];
  const std::uint32_t base = sm90::smem_address(smem), full = base + Layout::kBarriers;
  if (threadIdx.x == 0) {
    for (int i = 0; i < Layout::kStages; ++i) {
      sm90::mbarrier_init(full + i * 8, kBulk ? 1 : 256);
      sm90::mbarrier_init(full + (Layout::kStages + i) * 8, kWarpgroups * 4);
    }
    sm90::fence_async();
  }
  __syncthreads();
  sm90::release_successor();
  const HopperUnit u(p, kWarpgroups);
  const int w = static_cast<int>(threadIdx.x) / 128, thread = static_cast<int>(threadIdx.x) % 128;
  sm90::wait_for_predecessor();
  if (w == kWarpgroups) {
    sm90::registers_lower<Registers<kWarpgroups>::kProducer>();
    hopper_producer<T, kWarpgroups, kPanels, kOutputs, kBulk>(p, u, base, thread);
    if constexpr (!kOutputs) {
      sm90::cluster_barrier();
      sm90::cluster_barrier();
    }
  } else {
    sm90::registers_raise<Registers<kWarpgroups>::kConsumer>();
    hopper_consumer<T, kWarpgroups, kPanels, kOutputs, kBulk, kGate>(p, u, smem, w);
    if constexpr (!kOutputs) {
      sm90::cluster_barrier();
      if (w < u.pairs) {
        carry_states<kWarpgroups, kPanels>(p, u, base, base + Layout::kTimes, w, thread);
      }
      sm90::cluster_barrier();
    }
  }
#endif
}

/// Launches with the attributes that the chain needs.
template <typename Kernel>
void launch_chained(Kernel kernel, dim3 grid, int threads, int shared, int cluster_y,
                    const HopperParams& p, cudaStream_t stream, bool chained) {
  cudaLaunchConfig_t config{};
  config.gridDim = grid;
  config.blockDim = dim3(static_cast<unsigned>(threads));
  config.dynamicSmemBytes = static_cast<std::size_t>(shared);
  config.stream = stream;
  cudaLaunchAttribute attributes[2]{};
  unsigned count = 0;
  if (chained) {
    attributes[count].id = cudaLaunchAttributeProgrammaticStreamSerialization;
    attributes[count++].val.programmaticStreamSerializationAllowed = 1;
  }
  if (cluster_y > 1) {
    attributes[count].id = cudaLaunchAttributeClusterDimension;
    attributes[count].val.clusterDim.x = 1;
    attributes[count].val.clusterDim.y = static_cast<unsigned>(cluster_y);
    attributes[count++].val.clusterDim.z = 1;
  }
  config.attrs = attributes;
  config.numAttrs = count;
  check(cudaLaunchKernelEx(&config, kernel, p), "ssd");
}

template <typename T, int kWarpgroups, int kPanels, bool kOutputs, bool kBulk, bool kGate>
void launch(const HopperParams& p, std::int64_t segments, cudaStream_t stream) {
  using Layout = HopperLayout<kWarpgroups, kPanels, kOutputs>;
  const auto kernel = ssd_hopper_kernel<T, kWarpgroups, kPanels, kOutputs, kBulk, kGate>;
  static const cudaError_t prepared =
      cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, Layout::kBytes);
  check(prepared, "ssd: shared memory");
  const std::int64_t sequences = p.args.sequences ? p.args.sequences.count : p.args.batch;
  const dim3 grid(static_cast<unsigned>(sequences * p.args.groups * p.group_tiles),
                  static_cast<unsigned>(segments));
  launch_chained(kernel, grid, (kWarpgroups + 1) * 128, Layout::kBytes,
                 kOutputs ? 1 : static_cast<int>(segments), p, stream, true);
}

template <typename T, int kWarpgroups, int kPanels, bool kBulk>
void run(const HopperParams& p, cudaStream_t stream) {
  if (p.plan.segments > 1) {
    launch<T, kWarpgroups, kPanels, false, kBulk, false>(p, p.plan.segments - 1, stream);
  }
  if (p.args.z) {
    launch<T, kWarpgroups, kPanels, true, kBulk, true>(p, p.plan.segments, stream);
  } else {
    launch<T, kWarpgroups, kPanels, true, kBulk, false>(p, p.plan.segments, stream);
  }
}

template <typename T, bool kBulk>
void run_panels(const HopperParams& p, cudaStream_t stream) {
  if (p.plan.panels == 1) return run<T, 2, 1, kBulk>(p, stream);
  if (p.plan.panels == 2) return run<T, 2, 2, kBulk>(p, stream);
  run<T, 1, 4, kBulk>(p, stream);
}

using EncodeTiled = decltype(&cuTensorMapEncodeTiled);

/// The driver's encoder, through the runtime, so that nothing links the driver library.
EncodeTiled tensor_map_encoder() {
  static const EncodeTiled encode = [] {
    void* entry = nullptr;
    cudaDriverEntryPointQueryResult found{};
    const cudaError_t status = cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &entry,
                                                                12000, cudaEnableDefault, &found);
    return status == cudaSuccess && found == cudaDriverEntryPointSuccess
               ? reinterpret_cast<EncodeTiled>(entry)
               : nullptr;
  }();
  return encode;
}

/// rows as [batch][token][part][inner] with panels of 64 tokens × 64 elements; false when the
/// strides do not suit the bulk copy engine.
bool encode_map(CUtensorMap& map, const SsdArgs& args, const ConstRows& rows, std::int64_t inner,
                std::int64_t parts) {
  const EncodeTiled encode = tensor_map_encoder();
  const std::int64_t part = parts > 1 ? inner : 8;  // a lone part's stride is never used
  if (!encode || !rows_aligned16(rows, 2) || part * 2 % 16 != 0) return false;
  const cuuint64_t sizes[4] = {static_cast<cuuint64_t>(inner), static_cast<cuuint64_t>(parts),
                               static_cast<cuuint64_t>(args.length),
                               static_cast<cuuint64_t>(args.batch)};
  const std::int64_t batch_stride = args.batch > 1 ? rows.batch_stride : 8;
  const cuuint64_t strides[3] = {static_cast<cuuint64_t>(part * 2),
                                 static_cast<cuuint64_t>(rows.row_stride * 2),
                                 static_cast<cuuint64_t>(batch_stride * 2)};
  const cuuint32_t box[4] = {64, 1, 64, 1};
  const cuuint32_t steps[4] = {1, 1, 1, 1};
  const auto type = args.dtype == DType::bf16 ? CU_TENSOR_MAP_DATA_TYPE_BFLOAT16
                                              : CU_TENSOR_MAP_DATA_TYPE_FLOAT16;
  return encode(&map, type, 4, const_cast<void*>(rows.data), sizes, strides, box, steps,
                CU_TENSOR_MAP_INTERLEAVE_NONE, CU_TENSOR_MAP_SWIZZLE_128B,
                CU_TENSOR_MAP_L2_PROMOTION_L2_256B,
                CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE) == CUDA_SUCCESS;
}

template <typename T>
void run_dtype(const HopperParams& p, cudaStream_t stream) {
  const dim3 grid(static_cast<unsigned>(p.plan.slots),
                  static_cast<unsigned>((p.args.heads + 31) / 32));
  launch_chained(ssd_times_kernel<T>, grid, 256, 0, 1, p, stream, false);
  if (p.bulk) return run_panels<T, true>(p, stream);
  run_panels<T, false>(p, stream);
}

}  // namespace

bool ssd_hopper_supports(const SsdArgs& args) {
  const bool positive = args.dt_softplus || args.dt_min >= 0.0F;
  return args.dtype != DType::f32 && positive && args.state <= 256;
}

SsdPlan ssd_hopper_plan(const SsdArgs& args, int processors) {
  SsdPlan plan;
  plan.warpgroups = args.state <= 128 ? 2 : 1;
  plan.panels = args.state <= 64 ? 1 : args.state <= 128 ? 2 : 4;
  plan.row_tiles = (args.head_dim + 63) / 64;
  plan.chunks = (args.length + kSsdChunk - 1) / kSsdChunk;
  const std::int64_t pairs = args.heads / args.groups * plan.row_tiles;
  const std::int64_t tiles = (pairs + plan.warpgroups - 1) / plan.warpgroups;
  const std::int64_t units =
      (args.sequences ? args.sequences.count : args.batch) * args.groups * tiles;
  if (!args.sequences && units * 2 <= processors) {
    plan.segments = std::min<std::int64_t>({processors / units, plan.chunks, kSsdMaxSegments});
  }
  plan.chunks_per_segment = (plan.chunks + plan.segments - 1) / plan.segments;
  if (plan.chunks_per_segment > 0) {
    plan.segments = std::max<std::int64_t>(
        1, (plan.chunks + plan.chunks_per_segment - 1) / plan.chunks_per_segment);
  }
  const std::int64_t sequences = args.sequences ? args.sequences.count : args.batch;
  plan.tiles = units;
  plan.slots = args.sequences ? args.length / kSsdChunk + sequences : sequences * plan.chunks;
  return plan;
}

std::size_t ssd_hopper_workspace(const SsdArgs& args, const SsdPlan& plan) {
  std::int64_t floats = plan.slots * args.heads * 128;
  if (plan.segments > 1)
    floats += plan.segments * plan.tiles * plan.warpgroups * 64 * 64 * plan.panels;
  return static_cast<std::size_t>(floats);
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
  // The tail of a packed sequence must read zeros, not its successor's rows.
  p.bulk = !args.sequences && encode_map(p.x_map, args, args.x, args.head_dim, args.heads) &&
           encode_map(p.b_map, args, args.b, args.state, args.groups) &&
           encode_map(p.c_map, args, args.c, args.state, args.groups);
  p.z_pairs = args.z && width(args.z, args.head_dim) >= 4;
  p.out_vector = width(args.out, args.head_dim) == 16;
  p.times = static_cast<float*>(args.workspace);
  p.states = p.times + plan.slots * args.heads * 128;
  const auto s = static_cast<cudaStream_t>(stream);
  if (args.dtype == DType::bf16) {
    run_dtype<bf16>(p, s);
  } else {
    run_dtype<f16>(p, s);
  }
}

}  // namespace ssmprof::kernels::cuda
