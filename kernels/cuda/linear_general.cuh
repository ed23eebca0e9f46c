#pragma once

#include "kernels/cuda/common.cuh"
#include "kernels/cuda/programmatic.cuh"
#include "kernels/linear.hpp"

/// The linear layer for any alignment and element type: one warp per output, eight rows at a time.
namespace ssmprof::kernels::cuda::linear_detail {

constexpr int kGeneralWarps = 4, kGeneralRows = 8;

template <class T>
__global__ void __launch_bounds__(kGeneralWarps* kWarp) linear_general_kernel(const LinearArgs a) {
  wait_for_previous_grid();
  const std::int64_t n =
      static_cast<std::int64_t>(blockIdx.x) * kGeneralWarps + threadIdx.x / kWarp;
  if (n >= a.outputs) return;
  const int lane = threadIdx.x % kWarp;
  const T* const weight = static_cast<const T*>(a.weight) + n * a.inputs;
  for (std::int64_t row = 0; row < a.rows; row += kGeneralRows) {
    float sum[kGeneralRows] = {};
    for (std::int64_t k = lane; k < a.inputs; k += kWarp) {
      const float w = to_float(weight[k]);
#pragma unroll
      for (int i = 0; i < kGeneralRows; ++i)
        if (row + i < a.rows)
          sum[i] = fmaf(
              w, to_float(static_cast<const T*>(a.x.data)[(row + i) * a.x.row_stride + k]), sum[i]);
    }
#pragma unroll
    for (int i = 0; i < kGeneralRows; ++i) {
      float total = warp_sum(sum[i]);
      if (lane != 0 || row + i >= a.rows) continue;
      if (a.bias != nullptr) total += to_float(static_cast<const T*>(a.bias)[n]);
      static_cast<T*>(a.y.data)[(row + i) * a.y.row_stride + n] = from_float<T>(total);
    }
  }
}

}  // namespace ssmprof::kernels::cuda::linear_detail
