#pragma once

#include <type_traits>

#include "kernels/cuda/linear_finish.cuh"
#include "kernels/cuda/programmatic.cuh"
#include "kernels/linear.hpp"

/// What launching the forms of the linear layer takes.
namespace ssmprof::kernels::cuda {

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
    share_multiprocessors(kernel);
  }
  check(cudaLaunchKernelEx(&config, kernel, parameters...), "linear");
}

namespace linear_detail {

/// f(a type whose `value` is the End of these arguments)
template <class F>
void dispatch_end(const LinearArgs& a, F&& f) {
  if (a.residual.data != nullptr) return f(std::integral_constant<End, End::residual>{});
  if (a.conv.channels > 0) return f(std::integral_constant<End, End::conv>{});
  f(std::integral_constant<End, End::plain>{});
}

inline FinishParams finish_params(const LinearArgs& a) {
  FinishParams f{};
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

}  // namespace linear_detail
}  // namespace ssmprof::kernels::cuda
