#include <array>
#include <map>

#include "kernels/cuda/linear.hpp"
#include "kernels/cuda/linear_general.cuh"
#include "kernels/cuda/linear_stream.cuh"

namespace ssmprof::kernels::cuda {
namespace {

int device_value(cudaDeviceAttr attribute) {
  int device = 0, value = 0;
  check(cudaGetDevice(&device), "device");
  check(cudaDeviceGetAttribute(&value, attribute, device), "device attribute");
  return value;
}

bool streams(const LinearArgs& a) {
  return a.dtype != DType::f32 && a.inputs % 8 == 0 &&
         rows_aligned(a.x.data, 0, a.rows > 1 ? a.x.row_stride : 0, 2, 16) &&
         reinterpret_cast<std::uintptr_t>(a.weight) % 16 == 0;
}

/// plan_linear() for the current device, once per thread, device and sizes.
LinearPlan known_plan(const LinearArgs& a) {
  thread_local std::map<std::array<std::int64_t, 4>, LinearPlan> known;
  int device = 0;
  check(cudaGetDevice(&device), "device");
  const std::array key{std::int64_t{device}, a.rows, a.inputs, a.outputs};
  const auto found = known.find(key);
  if (found != known.end()) return found->second;
  const LinearDevice limits{device_value(cudaDevAttrMultiProcessorCount),
                            device_value(cudaDevAttrMaxSharedMemoryPerBlockOptin),
                            launches_overlap()};
  return known[key] = plan_linear(a.rows, a.inputs, a.outputs, limits);
}

/// Grid, threads, shared memory, then the attributes that apply.
template <class... Parameters>
void submit(void (*kernel)(Parameters...), int blocks, int threads, int shared, int split,
            const Launch& where, const Parameters&... parameters) {
  cudaLaunchAttribute attributes[2]{};
  cudaLaunchConfig_t config{};
  config.gridDim = dim3(static_cast<unsigned>(blocks));
  config.blockDim = dim3(static_cast<unsigned>(threads));
  config.dynamicSmemBytes = static_cast<std::size_t>(shared);
  config.stream = static_cast<cudaStream_t>(where.stream);
  config.attrs = attributes;
  if (split > 1) {
    auto& cluster = attributes[config.numAttrs++];
    cluster.id = cudaLaunchAttributeClusterDimension;
    cluster.val.clusterDim.x = static_cast<unsigned>(split);
    cluster.val.clusterDim.y = cluster.val.clusterDim.z = 1;
  }
  if (where.overlap && launches_overlap()) {
    auto& early = attributes[config.numAttrs++];
    early.id = cudaLaunchAttributeProgrammaticStreamSerialization;
    early.val.programmaticStreamSerializationAllowed = 1;
  }
  check(cudaLaunchKernelEx(&config, kernel, parameters...), "linear");
}

linear_detail::FinishParams finish_params(const LinearArgs& a) {
  linear_detail::FinishParams f{};
  f.bias = a.bias, f.y = a.y.data, f.y_stride = a.y.row_stride;
  f.rows = static_cast<int>(a.rows), f.outputs = static_cast<int>(a.outputs);
  f.packed_y = rows_aligned(a.y.data, 0, a.rows > 1 ? a.y.row_stride : 0, 2, 8);
  f.squares = a.scale.squares, f.parts = static_cast<int>(a.scale.parts);
  f.channels = static_cast<float>(a.scale.channels), f.eps = a.scale.eps;
  f.conv_first = static_cast<int>(a.conv.first);
  f.conv_channels = static_cast<int>(a.conv.channels);
  f.conv_weight = a.conv.weight, f.conv_bias = a.conv.bias, f.conv_state = a.conv.state;
  f.convolved = a.conv.out.data, f.convolved_stride = a.conv.out.row_stride;
  f.residual = a.residual.data, f.residual_f32 = a.residual.dtype == DType::f32;
  f.norm_weight = a.residual.weight, f.next = a.residual.next;
  f.next_squares = a.residual.squares;
  return f;
}

/// Whether what the end of the layer reads and writes can be moved in fours.
bool ends_in_fours(const LinearArgs& a) {
  const auto aligned = [](const void* p) {
    return reinterpret_cast<std::uintptr_t>(p) % 8 == 0;
  };
  return aligned(a.conv.weight) && aligned(a.conv.bias) && aligned(a.conv.state) &&
         rows_aligned(a.conv.out.data, 0, a.rows > 1 ? a.conv.out.row_stride : 0, 2, 8) &&
         reinterpret_cast<std::uintptr_t>(a.residual.data) % 16 == 0 &&
         aligned(a.residual.weight) && aligned(a.residual.next);
}

template <class T, int NT, int MT>
void launch(const LinearArgs& a, const LinearPlan& plan, const Launch& where) {
  const int room = device_value(cudaDevAttrMaxSharedMemoryPerBlockOptin);
  const LinearLayout layout = lay_out_linear(a.rows, a.inputs, a.outputs, plan, room);
  if (layout.chunk == 0 || layout.threads > linear_most_warps(NT, MT) * kWarp)
    throw std::invalid_argument("linear: plan does not fit the device");
  linear_detail::Params p{};
  p.x = a.x.data, p.weight = a.weight;
  p.x_stride = a.x.row_stride;
  p.rows = static_cast<int>(a.rows), p.inputs = static_cast<int>(a.inputs);
  p.outputs = static_cast<int>(a.outputs);
  p.across = plan.across, p.along = plan.along;
  p.steps = layout.steps, p.queue = layout.queue, p.x_at = layout.x_at;
  p.chunk = layout.chunk, p.pitch = layout.pitch, p.scales_at = layout.scales_at;
  p.bulk = NT > 1 && launches_overlap();  // few rows arrive sooner by plain loads
  p.overlap = where.overlap;
  p.finish = finish_params(a);
  auto* const kernel = linear_detail::linear_stream_kernel<T, NT, MT>;
  check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, room),
        "linear: shared memory");
  submit(kernel, layout.blocks, layout.threads, layout.shared, plan.split, where, p);
}

template <class T, int NT>
void launch_tiles(const LinearArgs& a, const LinearPlan& plan, const Launch& where) {
  if (plan.tiles == 1)
    launch<T, NT, 1>(a, plan, where);
  else
    launch<T, NT, 2>(a, plan, where);
}

template <class T>
void launch_rows(const LinearArgs& a, const LinearPlan& plan, const Launch& where) {
  switch (linear_row_tiles(a.rows)) {
    case 1:
      return launch_tiles<T, 1>(a, plan, where);
    case 2:
      return launch_tiles<T, 2>(a, plan, where);
    case 4:
      return launch_tiles<T, 4>(a, plan, where);
    default:
      return launch_tiles<T, 8>(a, plan, where);
  }
}

}  // namespace

void linear(const LinearArgs& args, const LinearPlan& plan, const Launch& where) {
  if (args.dtype == DType::bf16)
    launch_rows<__nv_bfloat16>(args, plan, where);
  else
    launch_rows<__half>(args, plan, where);
}

void linear(const LinearArgs& args, const Launch& where) {
  if (streams(args) && ends_in_fours(args)) return linear(args, known_plan(args), where);
  if (args.fused())
    throw std::invalid_argument("linear: fused forms need 16-bit types and aligned rows on CUDA");
  dispatch(args.dtype, [&](auto t) {
    submit(linear_detail::linear_general_kernel<decltype(t)>,
           static_cast<int>(blocks_for(args.outputs, linear_detail::kGeneralWarps)),
           linear_detail::kGeneralWarps * kWarp, 0, 1, where, args);
  });
}

}  // namespace ssmprof::kernels::cuda
