#pragma once

#include <ATen/ATen.h>

#include "kernels/dtype.hpp"
#include "kernels/views.hpp"

/// Tensors as the kernels take them.
namespace ssmprof::workloads::native {

inline kernels::DType dtype_of(const at::Tensor& t) {
  switch (t.scalar_type()) {
    case at::kHalf:
      return kernels::DType::f16;
    case at::kBFloat16:
      return kernels::DType::bf16;
    default:
      return kernels::DType::f32;
  }
}

/// [B, L, C]; an undefined tensor is "not given".
inline kernels::Rows rows3(const at::Tensor& t) {
  if (!t.defined()) return {};
  return {t.data_ptr(), t.stride(0), t.stride(1)};
}

/// [T, C].
inline kernels::Rows rows2(const at::Tensor& t) {
  return {t.data_ptr(), 0, t.stride(0)};
}

template <typename T = void>
T* pointer(const at::Tensor& t) {
  return t.defined() && t.numel() > 0 ? static_cast<T*>(t.data_ptr()) : nullptr;
}

}  // namespace ssmprof::workloads::native
