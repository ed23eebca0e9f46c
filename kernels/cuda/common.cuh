#pragma once

#include <cstdint>
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>
#include <stdexcept>
#include <string>
#include <type_traits>

#include "kernels/dtype.hpp"

/// What every CUDA kernel here shares: element conversion, packed loads and stores, error checks,
/// dispatch over element types, warp reductions.
namespace ssmprof::kernels::cuda {

constexpr int kWarp = 32;

/// Throws std::runtime_error naming `what` when `status` is an error.
inline void check(cudaError_t status, const char* what) {
  if (status != cudaSuccess)
    throw std::runtime_error(std::string(what) + ": " + cudaGetErrorString(status));
}

/// To be called right after a launch.
inline void check_launch(const char* kernel) {
  check(cudaGetLastError(), kernel);
}

/// Calls f(T{}) with the element type that `type` names: float, __half or __nv_bfloat16.
template <class F>
void dispatch(DType type, F&& f) {
  switch (type) {
    case DType::f32:
      return f(float{});
    case DType::f16:
      return f(__half{});
    case DType::bf16:
      return f(__nv_bfloat16{});
  }
}

__device__ inline float to_float(float v) {
  return v;
}
__device__ inline float to_float(__half v) {
  return __half2float(v);
}
__device__ inline float to_float(__nv_bfloat16 v) {
  return __bfloat162float(v);
}

template <class T>
__device__ T from_float(float v);
template <>
__device__ inline float from_float<float>(float v) {
  return v;
}
template <>
__device__ inline __half from_float<__half>(float v) {
  return __float2half_rn(v);
}
template <>
__device__ inline __nv_bfloat16 from_float<__nv_bfloat16>(float v) {
  return __float2bfloat16_rn(v);
}

/// n elements moved as one aligned access of n·sizeof(T) bytes (4, 8 or 16; 32 as two).
template <class T, int n>
struct alignas(sizeof(T) * n) Pack {
  T v[n];
};

template <int n, class T>
__device__ Pack<T, n> load_pack(const T* p) {
  return *reinterpret_cast<const Pack<T, n>*>(p);
}
template <int n, class T>
__device__ void store_pack(T* p, const Pack<T, n>& v) {
  *reinterpret_cast<Pack<T, n>*>(p) = v;
}

/// The same, of 8 or 16 bytes that the L2 should give up first.
template <class T, int n>
__device__ void store_pack_once(T* p, const Pack<T, n>& v) {
  using Word = std::conditional_t<sizeof(v) == 16, float4, float2>;
  static_assert(sizeof(v) == sizeof(Word));
  __stcs(reinterpret_cast<Word*>(p), reinterpret_cast<const Word&>(v));
}

/// The elements of one 16-byte access.
template <class T>
inline constexpr int kVector = 16 / static_cast<int>(sizeof(T));

/// Whether rows at `data` with these strides (elements of `size` bytes) can be read in accesses of
/// `bytes` bytes. A null pointer can.
inline bool rows_aligned(const void* data, std::int64_t batch_stride, std::int64_t row_stride,
                         std::size_t size, std::size_t bytes) {
  if (data == nullptr) return true;
  const auto address = reinterpret_cast<std::uintptr_t>(data);
  return address % bytes == 0 && (batch_stride * static_cast<std::int64_t>(size)) % bytes == 0 &&
         (row_stride * static_cast<std::int64_t>(size)) % bytes == 0;
}

__device__ inline float warp_sum(float v) {
#pragma unroll
  for (int lane = kWarp / 2; lane > 0; lane /= 2) v += __shfl_xor_sync(0xffffffffU, v, lane);
  return v;
}

__device__ inline float warp_max(float v) {
#pragma unroll
  for (int lane = kWarp / 2; lane > 0; lane /= 2)
    v = fmaxf(v, __shfl_xor_sync(0xffffffffU, v, lane));
  return v;
}

/// Number of blocks of `size` that cover `count`.
constexpr std::int64_t blocks_for(std::int64_t count, std::int64_t size) {
  return (count + size - 1) / size;
}

}  // namespace ssmprof::kernels::cuda
