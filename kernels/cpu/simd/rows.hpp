#pragma once

#include "kernels/cpu/simd/vec.hpp"
#include "kernels/dtype.hpp"

namespace ssmprof::kernels::cpu::SSMPROF_ISA {
namespace {

/// Calls body with a null pointer of the storage type that `t` names.
template <typename Body>
SSMPROF_INLINE void with_type(DType t, const Body& body) {
  if (t == DType::f32) {
    body(static_cast<float*>(nullptr));
  } else if (t == DType::f16) {
    body(static_cast<F16*>(nullptr));
  } else {
    body(static_cast<Bf16*>(nullptr));
  }
}

template <typename T>
SSMPROF_INLINE void load_row_as(const T* src, std::int64_t n, float* dst, std::int64_t padded) {
  std::int64_t i = 0;
  for (; i + W <= n; i += W) store(dst + i, load(src + i));
  if (i < n) {
    const Vec last = load_part(src + i, n - i);
    if (i + W <= padded) {
      store(dst + i, last);
    } else {
      store_part(dst + i, last, n - i);
    }
    i += W;
  }
  for (; i + W <= padded; i += W) store(dst + i, Vec{});
}

/// n elements at `offset` of `src`, to fp32; zeros follow up to `padded` (a multiple of W, or n).
inline void load_row(DType type, const void* src, std::int64_t offset, std::int64_t n, float* dst,
                     std::int64_t padded) {
  switch (type) {
    case DType::f32:
      load_row_as(static_cast<const float*>(src) + offset, n, dst, padded);
      break;
    case DType::f16:
      load_row_as(static_cast<const F16*>(src) + offset, n, dst, padded);
      break;
    case DType::bf16:
      load_row_as(static_cast<const Bf16*>(src) + offset, n, dst, padded);
      break;
  }
}

template <typename T>
SSMPROF_INLINE void store_row_as(const float* src, std::int64_t n, T* dst) {
  std::int64_t i = 0;
  for (; i + W <= n; i += W) store(dst + i, load(src + i));
  if (i < n) store_part(dst + i, load_part(src + i, n - i), n - i);
}

inline void store_row(DType type, const float* src, std::int64_t n, void* dst,
                      std::int64_t offset) {
  switch (type) {
    case DType::f32:
      store_row_as(src, n, static_cast<float*>(dst) + offset);
      break;
    case DType::f16:
      store_row_as(src, n, static_cast<F16*>(dst) + offset);
      break;
    case DType::bf16:
      store_row_as(src, n, static_cast<Bf16*>(dst) + offset);
      break;
  }
}

}  // namespace
}  // namespace ssmprof::kernels::cpu::SSMPROF_ISA
