#include <cuda_runtime.h>

#include "kernels/cuda/tensor_map.hpp"

namespace ssmprof::kernels::cuda {
namespace {

using Encode = decltype(&cuTensorMapEncodeTiled);

/// The driver's encoder, through the runtime, so that nothing links the driver library.
Encode encoder() {
  static const Encode encode = [] {
    void* entry = nullptr;
    cudaDriverEntryPointQueryResult found{};
    const cudaError_t status = cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &entry,
                                                                12000, cudaEnableDefault, &found);
    return status == cudaSuccess && found == cudaDriverEntryPointSuccess
               ? reinterpret_cast<Encode>(entry)
               : nullptr;
  }();
  return encode;
}

}  // namespace

bool encode_rows(CUtensorMap& map, DType dtype, const void* data, std::int64_t count,
                 std::int64_t width, std::int64_t stride, int box) {
  const Encode encode = encoder();
  if (encode == nullptr || reinterpret_cast<std::uintptr_t>(data) % 16 != 0 || stride * 2 % 16 != 0)
    return false;
  const cuuint64_t sizes[2] = {static_cast<cuuint64_t>(width), static_cast<cuuint64_t>(count)};
  const cuuint64_t strides[1] = {static_cast<cuuint64_t>(stride * 2)};
  const cuuint32_t boxes[2] = {64, static_cast<cuuint32_t>(box)}, steps[2] = {1, 1};
  const auto type =
      dtype == DType::bf16 ? CU_TENSOR_MAP_DATA_TYPE_BFLOAT16 : CU_TENSOR_MAP_DATA_TYPE_FLOAT16;
  return encode(&map, type, 2, const_cast<void*>(data), sizes, strides, boxes, steps,
                CU_TENSOR_MAP_INTERLEAVE_NONE, CU_TENSOR_MAP_SWIZZLE_128B,
                CU_TENSOR_MAP_L2_PROMOTION_L2_256B,
                CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE) == CUDA_SUCCESS;
}

}  // namespace ssmprof::kernels::cuda
