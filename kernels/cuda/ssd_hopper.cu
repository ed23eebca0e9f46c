#include <algorithm>

#include "kernels/cuda/ssd_hopper.cuh"
#include "kernels/cuda/ssd_hopper_roles.cuh"

namespace ssmprof::kernels::cuda {
namespace {

using namespace ssd_detail;

/// Threads and registers of a kernel: 128 threads feed, 128 per pair keep the state, 128 more per
/// pair compute the outputs. The registers of the roles add up to those at entry.
template <int kWarpgroups, int kPanels, bool kOutputs>
struct Shape {
  static constexpr int kThreads = 128 * (1 + kWarpgroups * (kOutputs ? 2 : 1));
  static constexpr bool kWide = kPanels > 2 || !kOutputs;
  static constexpr int kProducer = kWide ? 40 : 32;
  static constexpr int kState = kWide ? 232 : 112;
  static constexpr int kOutput = kWide ? 232 : 112;
};

template <typename T, int kWarpgroups, int kPanels, bool kOutputs, bool kBulk, bool kGate>
__global__ void __launch_bounds__(Shape<kWarpgroups, kPanels, kOutputs>::kThreads, 1)
    ssd_hopper_kernel(const __grid_constant__ HopperParams p) {
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
  using Layout = HopperLayout<kWarpgroups, kPanels, kOutputs, kGate>;
  using Registers = Shape<kWarpgroups, kPanels, kOutputs>;
  extern __shared__ __align__(1024) char smem[];
  const std::uint32_t base = sm90::smem_address(smem), full = base + Layout::kBarriers;
  if (threadIdx.x == 0) {
    for (int i = 0; i < Layout::kStages; ++i) {
      sm90::mbarrier_init(full + i * 8, kBulk ? 1 + 32 * kWarpgroups : 256);
      sm90::mbarrier_init(full + (Layout::kStages + i) * 8, kWarpgroups * (kOutputs ? 8 : 4));
    }
    for (int i = 0; i < kWarpgroups * 4; ++i) {
      sm90::mbarrier_init(base + Layout::kStateBarriers + i * 8, 128);
    }
    sm90::fence_async();
  }
  __syncthreads();
  sm90::release_successor();
  const HopperUnit u(p, kWarpgroups);
  const int group = static_cast<int>(threadIdx.x) / 128;
  const int thread = static_cast<int>(threadIdx.x) % 128;
  if (group == 0) {
    sm90::registers_lower<Registers::kProducer>();
    hopper_producer<T, kWarpgroups, kPanels, kOutputs, kBulk, kGate>(p, u, smem, thread);
    if constexpr (!kOutputs) {
      sm90::cluster_barrier();
      sm90::cluster_barrier();
    }
  } else if (!kOutputs || group <= kWarpgroups) {
    sm90::registers_raise<Registers::kState>();
    const int w = group - 1;
    if constexpr (kOutputs) sm90::wait_for_predecessor();
    if (w < u.pairs) {
      state_role<T, kWarpgroups, kPanels, kOutputs, kBulk, kGate>(p, u, smem, w, thread);
    } else {
      idle_role<kWarpgroups, kPanels, kOutputs, kGate>(u, base, thread % 32);
    }
    if constexpr (!kOutputs) {
      sm90::cluster_barrier();
      const HopperUnit again(p, kWarpgroups);
      if (w < again.pairs) {
        carry_states<kWarpgroups, kPanels>(p, again, base, base + Layout::kTimes, w, thread);
      }
      sm90::cluster_barrier();
    }
  } else if constexpr (kOutputs) {
    sm90::registers_raise<Registers::kOutput>();
    const int w = group - 1 - kWarpgroups;
    sm90::wait_for_predecessor();
    if (w < u.pairs) {
      outputs_role<T, kWarpgroups, kPanels, kBulk, kGate>(p, u, smem, w, thread);
    } else {
      idle_role<kWarpgroups, kPanels, kOutputs, kGate>(u, base, thread % 32);
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
  using Layout = HopperLayout<kWarpgroups, kPanels, kOutputs, kGate>;
  const auto kernel = ssd_hopper_kernel<T, kWarpgroups, kPanels, kOutputs, kBulk, kGate>;
  static const cudaError_t prepared =
      cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, Layout::kBytes);
  check(prepared, "ssd: shared memory");
  const std::int64_t sequences = p.args.sequences ? p.args.sequences.count : p.args.batch;
  const dim3 grid(static_cast<unsigned>(sequences * p.args.groups * p.group_tiles),
                  static_cast<unsigned>(segments));
  launch_chained(kernel, grid, Shape<kWarpgroups, kPanels, kOutputs>::kThreads, Layout::kBytes,
                 kOutputs ? 1 : static_cast<int>(segments), p, stream,
                 kOutputs && p.plan.segments > 1);
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
  plan.tiles = units;
  return plan;
}

std::size_t ssd_hopper_workspace(const SsdArgs& args, const SsdPlan& plan) {
  if (plan.segments == 1) return 0;
  return static_cast<std::size_t>(plan.segments * plan.tiles * plan.warpgroups * plan.panels) *
         (64 * 64);
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
           encode_map(p.c_map, args, args.c, args.state, args.groups) &&
           (!args.z || encode_map(p.z_map, args, args.z, args.head_dim, args.heads));
  p.z_bytes = args.z ? width(args.z, args.head_dim) : 16;
  p.out_vector = width(args.out, args.head_dim) == 16;
  p.states = static_cast<float*>(args.workspace);
  const auto s = static_cast<cudaStream_t>(stream);
  if (args.dtype == DType::bf16) {
    run_dtype<bf16>(p, s);
  } else {
    run_dtype<f16>(p, s);
  }
}

}  // namespace ssmprof::kernels::cuda
