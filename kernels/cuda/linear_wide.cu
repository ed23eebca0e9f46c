#include "kernels/cuda/linear.hpp"
#include "kernels/cuda/linear_launch.cuh"
#include "kernels/cuda/linear_wide.cuh"
#include "kernels/cuda/tensor_map.hpp"

namespace ssmprof::kernels::cuda {
namespace {

template <class T, int kTile, linear_detail::End kEnd>
void launch(const LinearArgs& a, const LinearWidePlan& plan, const Launch& where) {
  using linear_detail::kWideThreads;
  LinearWideLayout layout = lay_out_linear_wide(a.inputs, a.outputs, plan);
  linear_detail::WideParams p{};
  if constexpr (kEnd == linear_detail::End::conv) {
    const int windows = linear_detail::held_windows_bytes(static_cast<int>(a.rows), kTile,
                                                          plan.split, kWideThreads);
    p.windows = layout.tail, p.taps = p.windows + windows;
    const int held = (windows + linear_detail::held_taps_bytes(kTile) + 15) / 16 * 16;
    layout.tail += held, layout.shared += held;
  }
  const std::int64_t x_stride = a.rows > 1 ? a.x.row_stride : a.inputs;
  if (!encode_rows(p.weight, a.dtype, a.weight, a.outputs, a.inputs, a.inputs, kTile) ||
      !encode_rows(p.x, a.dtype, a.x.data, a.rows, a.inputs, x_stride, 64))
    throw std::runtime_error("linear: the copy engine cannot read these rows");
  p.steps = layout.steps, p.stages = plan.stages;
  p.pitch = layout.pitch, p.tail = layout.tail;
  p.overlap = where.overlap;
  p.finish = linear_detail::finish_params(a);
  auto* const kernel = linear_detail::linear_wide_kernel<T, kTile, kEnd>;
  check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, layout.shared),
        "linear: shared memory");
  submit(kernel, layout.blocks, kWideThreads, layout.shared, plan.split, where, p);
}

template <class T, int kTile>
void launch_ends(const LinearArgs& a, const LinearWidePlan& plan, const Launch& where) {
  linear_detail::dispatch_end(a, [&](auto end) { launch<T, kTile, end.value>(a, plan, where); });
}

template <class T>
void launch_tiles(const LinearArgs& a, const LinearWidePlan& plan, const Launch& where) {
  switch (plan.tile) {
    case 24:
      return launch_ends<T, 24>(a, plan, where);
    case 40:
      return launch_ends<T, 40>(a, plan, where);
    case 48:
      return launch_ends<T, 48>(a, plan, where);
    case 64:
      return launch_ends<T, 64>(a, plan, where);
    case 80:
      return launch_ends<T, 80>(a, plan, where);
    case 88:
      return launch_ends<T, 88>(a, plan, where);
    case 96:
      return launch_ends<T, 96>(a, plan, where);
    case 128:
      return launch_ends<T, 128>(a, plan, where);
    default:
      throw std::invalid_argument("linear: no such tile");
  }
}

}  // namespace

void linear(const LinearArgs& args, const LinearWidePlan& plan, const Launch& where) {
  if (args.residual.data != nullptr && plan.tile % kLinearPart != 0)
    throw std::invalid_argument("linear: this tile cuts the parts of a residual");
  if (args.dtype == DType::bf16)
    launch_tiles<__nv_bfloat16>(args, plan, where);
  else
    launch_tiles<__half>(args, plan, where);
}

}  // namespace ssmprof::kernels::cuda
