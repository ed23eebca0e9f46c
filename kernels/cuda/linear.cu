#include <array>
#include <map>

#include "kernels/cuda/linear.hpp"
#include "kernels/cuda/linear_general.cuh"
#include "kernels/cuda/linear_launch.cuh"
#include "kernels/cuda/linear_stream.cuh"

namespace ssmprof::kernels::cuda {
namespace {

int device_value(cudaDeviceAttr attribute) {
  int device = 0, value = 0;
  check(cudaGetDevice(&device), "device");
  check(cudaDeviceGetAttribute(&value, attribute, device), "device attribute");
  return value;
}

int multiprocessors() {
  static const int count = device_value(cudaDevAttrMultiProcessorCount);
  return count;
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

/// plan_linear_wide(), the same.
LinearWidePlan known_wide_plan(const LinearArgs& a) {
  thread_local std::map<std::array<std::int64_t, 3>, LinearWidePlan> known;
  const bool whole_parts = a.residual.data != nullptr;
  const auto [found, fresh] =
      known.try_emplace({a.inputs, a.outputs, std::int64_t{whole_parts}}, LinearWidePlan{});
  if (fresh) found->second = plan_linear_wide(a.inputs, a.outputs, whole_parts, multiprocessors());
  return found->second;
}

/// Whether what the end of the layer reads and writes can be moved in fours.
bool ends_in_fours(const LinearArgs& a) {
  const auto aligned = [](const void* p) { return reinterpret_cast<std::uintptr_t>(p) % 8 == 0; };
  return aligned(a.conv.weight) && aligned(a.conv.bias) && aligned(a.conv.state) &&
         rows_aligned(a.conv.out.data, 0, a.rows > 1 ? a.conv.out.row_stride : 0, 2, 8) &&
         reinterpret_cast<std::uintptr_t>(a.residual.data) % 16 == 0 &&
         aligned(a.residual.weight) && aligned(a.residual.next);
}

template <class T, int NT, int MT, linear_detail::End kEnd>
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
  p.finish = linear_detail::finish_params(a);
  auto* const kernel = linear_detail::linear_stream_kernel<T, NT, MT, kEnd>;
  check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, room),
        "linear: shared memory");
  submit(kernel, layout.blocks, layout.threads, layout.shared, plan.split, where, p);
}

template <class T, int NT>
void launch_tiles(const LinearArgs& a, const LinearPlan& plan, const Launch& where) {
  linear_detail::dispatch_end(a, [&](auto end) {
    if (plan.tiles == 1)
      launch<T, NT, 1, end.value>(a, plan, where);
    else
      launch<T, NT, 2, end.value>(a, plan, where);
  });
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
  if (streams(args) && ends_in_fours(args)) {
    if (args.rows > kLinearStreamed && launches_overlap())
      return linear(args, known_wide_plan(args), where);
    return linear(args, known_plan(args), where);
  }
  if (args.fused())
    throw std::invalid_argument("linear: fused forms need 16-bit types and aligned rows on CUDA");
  dispatch(args.dtype, [&](auto t) {
    submit(linear_detail::linear_general_kernel<decltype(t)>,
           static_cast<int>(blocks_for(args.outputs, linear_detail::kGeneralWarps)),
           linear_detail::kGeneralWarps * kWarp, 0, 1, where, args);
  });
}

}  // namespace ssmprof::kernels::cuda
