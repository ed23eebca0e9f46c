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

}  // namespace linear_detail
}  // namespace ssmprof::kernels::cuda
