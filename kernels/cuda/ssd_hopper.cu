#include <algorithm>
#include <atomic>

#include "kernels/cuda/ssd_hopper.cuh"
#include "kernels/cuda/ssd_hopper_kernels.cuh"

namespace ssmprof::kernels::cuda {
namespace {

using namespace ssd_detail;

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

template <typename Layout, typename Kernel>
void launch(Kernel kernel, const HopperParams& p, int stretches, int threads, bool cluster,
            bool chained, cudaStream_t stream) {
  const dim3 grid(static_cast<unsigned>(p.cut.sequences) * p.cut.tiles.by,
                  static_cast<unsigned>(stretches));
  launch_chained(kernel, grid, threads, Layout::kBytes, cluster ? stretches : 1, p, stream,
                 chained);
}

template <typename Kernel>
cudaError_t allow(Kernel kernel, int shared) {
  const cudaError_t status =
      cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, shared);
  if (status != cudaSuccess) return status;
  return cudaFuncSetAttribute(kernel, cudaFuncAttributeNonPortableClusterSizeAllowed, 1);
}

template <typename T, int kWarpgroups, int kPanels, bool kBulk>
void launch_states(HopperParams& p, cudaStream_t stream) {
  using Layout = HopperLayout<kWarpgroups, kPanels, false, false>;
  const auto kernel = ssd_states_kernel<T, kWarpgroups, kPanels, kBulk>;
  static const cudaError_t prepared = allow(kernel, Layout::kBytes);
  check(prepared, "ssd: shared memory");
  const int stretches = (p.cut.segments - 1) * static_cast<int>(p.cut.stretches.by);
  p.cut.pieces = (kPanels * kPanelPieces + stretches - 1) / stretches;
  launch<Layout>(kernel, p, stretches, Shape<kWarpgroups, kPanels, false>::kThreads, true,
                 p.overlap, stream);
}

template <typename T, int kWarpgroups, int kPanels, Form kForm, bool kBulk, bool kGate>
void launch_outputs(HopperParams& p, cudaStream_t stream) {
  using Layout = HopperLayout<kWarpgroups, kPanels, true, kInRing<kBulk, kGate>>;
  const auto kernel = ssd_outputs_kernel<T, kWarpgroups, kPanels, kForm, kBulk, kGate>;
  static const cudaError_t prepared = allow(kernel, Layout::kBytes);
  check(prepared, "ssd: shared memory");
  constexpr bool kBoth = kForm == Form::both;
  launch<Layout>(kernel, p, p.cut.segments, Shape<kWarpgroups, kPanels, true>::kThreads, kBoth,
                 p.overlap || (!kBoth && p.cut.segments > 1), stream);
}

template <typename T, int kWarpgroups, int kPanels, bool kBulk>
void run(HopperParams& p, bool together, cudaStream_t stream) {
  if constexpr (kBulk && kWarpgroups == 2) {
    if (together && p.args.z) {
      return launch_outputs<T, kWarpgroups, kPanels, Form::both, true, true>(p, stream);
    }
    if (together)
      return launch_outputs<T, kWarpgroups, kPanels, Form::both, true, false>(p, stream);
  }
  if (p.cut.segments > 1) launch_states<T, kWarpgroups, kPanels, kBulk>(p, stream);
  if (p.args.z) {
    launch_outputs<T, kWarpgroups, kPanels, Form::outputs, kBulk, true>(p, stream);
  } else {
    launch_outputs<T, kWarpgroups, kPanels, Form::outputs, kBulk, false>(p, stream);
  }
}

/// Clusters of `size` blocks that the card holds at once.
template <int kPanels>
int clusters_at_once(int size) {
  using Layout = HopperLayout<2, kPanels, true, false>;
  const auto kernel = ssd_outputs_kernel<bf16, 2, kPanels, Form::both, true, false>;
  static std::atomic<int> known[kSsdMaxTogether + 1]{};  // plus one
  if (known[size] == 0) {
    int count = 0;
    cudaLaunchConfig_t config{};
    config.gridDim = dim3(1, static_cast<unsigned>(size));
    config.blockDim = dim3(Shape<2, kPanels, true>::kThreads);
    config.dynamicSmemBytes = Layout::kBytes;
    cudaLaunchAttribute cluster{};
    cluster.id = cudaLaunchAttributeClusterDimension;
    cluster.val.clusterDim.x = 1;
    cluster.val.clusterDim.y = static_cast<unsigned>(size);
    cluster.val.clusterDim.z = 1;
    config.attrs = &cluster;
    config.numAttrs = 1;
    check(allow(kernel, Layout::kBytes), "ssd: shared memory");
    check(cudaOccupancyMaxActiveClusters(&count, kernel, &config), "ssd: clusters");
    known[size] = count + 1;
  }
  return known[size] - 1;
}

template <typename T, bool kBulk>
void run_panels(HopperParams& p, const SsdPlan& plan, cudaStream_t stream) {
  if (plan.panels == 1) return run<T, 2, 1, kBulk>(p, plan.together, stream);
  if (plan.panels == 2) return run<T, 2, 2, kBulk>(p, plan.together, stream);
  run<T, 1, 4, kBulk>(p, plan.together, stream);
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
void run_dtype(HopperParams& p, const SsdPlan& plan, cudaStream_t stream) {
  if (p.bulk) return run_panels<T, true>(p, plan, stream);
  run_panels<T, false>(p, plan, stream);
}

HopperCut cut_of(const SsdArgs& args, const SsdPlan& plan) {
  const auto narrow = [](std::int64_t v) { return static_cast<int>(v); };
  HopperCut c{};
  c.sequences = narrow(args.sequences ? args.sequences.count : args.batch);
  c.groups = narrow(args.groups);
  c.heads = narrow(args.heads / args.groups);
  c.group_pairs = c.heads * narrow(plan.row_tiles);
  const int group_tiles = (c.group_pairs + plan.warpgroups - 1) / plan.warpgroups;
  c.tiles = Divisor(group_tiles * c.groups);
  c.group_tiles = Divisor(group_tiles);
  c.row_tiles = Divisor(narrow(plan.row_tiles));
  c.stretches = Divisor(narrow(plan.stretches));
  c.chunks = narrow(plan.chunks);
  c.length = narrow(args.length);
  c.parts = narrow(ssd_parts(args.heads, args.head_dim));
  c.segments = narrow(plan.segments);
  c.segment_chunks = narrow(plan.chunks_per_segment);
  c.first_more = narrow(plan.first_more);
  c.stretch_chunks = narrow((plan.chunks_per_segment + plan.stretches - 1) / plan.stretches);
  return c;
}

}  // namespace

bool ssd_hopper_supports(const SsdArgs& args) {
  const bool positive = args.dt_softplus || args.dt_min >= 0.0F;
  const bool worth = args.sequences || args.length >= kSsdLeastLength;
  return args.dtype != DType::f32 && positive && args.state <= 256 && worth;
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
  plan.tiles = units;
  plan.chunks_per_segment = plan.chunks;
  if (args.sequences || units * 2 > processors || plan.chunks < 2) return plan;
  const auto split = [&](std::int64_t most) {
    const std::int64_t segments = std::min({processors / units, plan.chunks, most});
    plan.chunks_per_segment = (plan.chunks + segments - 1) / segments;
    plan.segments = (plan.chunks + plan.chunks_per_segment - 1) / plan.chunks_per_segment;
  };
  if (plan.panels <= 2) {
    split(kSsdMaxTogether);
    const int size = static_cast<int>(plan.segments);
    plan.together =
        size > 1 && plan.chunks_per_segment <= kSsdTogetherChunks &&
        (plan.panels == 1 ? clusters_at_once<1>(size) : clusters_at_once<2>(size)) >= units;
    if (plan.together) {
      // The first block has its state at once, the last one after all others.
      const bool even = plan.chunks == plan.segments * plan.chunks_per_segment;
      plan.first_more = even && plan.chunks_per_segment > 1 ? 1 : 0;
      return plan;
    }
  }
  // Clusters of more than eight blocks find room only where two blocks share a multiprocessor.
  const std::int64_t blocks = plan.panels <= 2 ? 2 : 1, most = 8 * blocks;
  split(most + 1);
  // As many stretches per segment as fit on the card at once: a cluster lies within one of the
  // card's parts of about 18 multiprocessors, of which 16 are counted on.
  for (std::int64_t n = 2; plan.segments > 1 && n * (plan.segments - 1) <= most; ++n) {
    const std::int64_t clusters = processors / 18 * (16 * blocks / (n * (plan.segments - 1)));
    if (clusters < units || plan.chunks_per_segment < n * kSsdStretchChunks) break;
    plan.stretches = n;
  }
  return plan;
}

std::size_t ssd_hopper_workspace(const SsdArgs& args, const SsdPlan& plan) {
  if (plan.segments == 1) return 0;
  return static_cast<std::size_t>(plan.segments * plan.tiles * plan.warpgroups * plan.panels) *
         (64 * 64);
}

void ssd_hopper(const SsdArgs& args, const SsdPlan& plan, const Launch& where) {
  const auto width = [&](const ConstRows& r, std::int64_t inner) {
    const auto fits = [&](int bytes) {
      return reinterpret_cast<std::uintptr_t>(r.data) % bytes == 0 &&
             r.row_stride * 2 % bytes == 0 && r.batch_stride * 2 % bytes == 0 &&
             inner * 2 % bytes == 0;
    };
    return fits(16) ? 16 : fits(8) ? 8 : fits(4) ? 4 : 2;
  };
  HopperParams p{};
  p.args = args;
  p.dt = {args.dt_softplus, args.dt_min, args.dt_max};
  p.cut = cut_of(args, plan);
  p.x_bytes = width(args.x, args.head_dim);
  p.b_bytes = width(args.b, args.groups > 1 ? args.state : 8);
  p.c_bytes = width(args.c, args.groups > 1 ? args.state : 8);
  // The tail of a packed sequence must read zeros, not its successor's rows.
  p.bulk = !args.sequences && encode_map(p.x_map, args, args.x, args.head_dim, args.heads) &&
           encode_map(p.b_map, args, args.b, args.state, args.groups) &&
           encode_map(p.c_map, args, args.c, args.state, args.groups) &&
           (!args.z || width(args.z, args.head_dim) >= 8);
  p.z_ahead = p.bulk && args.z && encode_map(p.z_map, args, args.z, args.head_dim, args.heads);
  p.out_bulk = p.bulk && encode_map(p.out_map, args, args.out, args.head_dim, args.heads);
  p.z_bytes = args.z ? width(args.z, args.head_dim) : 16;
  p.out_vector = width(args.out, args.head_dim) == 16;
  p.states = static_cast<float*>(args.workspace);
  const auto s = static_cast<cudaStream_t>(where.stream);
  p.overlap = where.overlap;
  if (args.dtype == DType::bf16) {
    run_dtype<bf16>(p, plan, s);
  } else {
    run_dtype<f16>(p, plan, s);
  }
}

}  // namespace ssmprof::kernels::cuda
