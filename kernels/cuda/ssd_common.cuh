#pragma once

#include <cstdint>
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>
#include <stdexcept>
#include <string>

#include "kernels/ssd.hpp"

/// Small helpers that the Mamba-2 kernels share: element conversion, activations, launch checks.
namespace ssmprof::kernels::cuda::ssd_detail {

using bf16 = __nv_bfloat16;
using f16 = __half;

inline void check(cudaError_t status, const char* what) {
  if (status != cudaSuccess) {
    throw std::runtime_error(std::string(what) + ": " + cudaGetErrorString(status));
  }
}

inline void check_launch(const char* kernel) {
  check(cudaGetLastError(), kernel);
}

template <typename T>
__device__ __forceinline__ float to_float(T v) {
  if constexpr (sizeof(T) == 4) {
    return v;
  } else if constexpr (std::is_same_v<T, bf16>) {
    return __bfloat162float(v);
  } else {
    return __half2float(v);
  }
}

template <typename T>
__device__ __forceinline__ T from_float(float v) {
  if constexpr (sizeof(T) == 4) {
    return v;
  } else if constexpr (std::is_same_v<T, bf16>) {
    return __float2bfloat16_rn(v);
  } else {
    return __float2half_rn(v);
  }
}

/// Two 16-bit elements packed in one word, low half first.
template <typename T>
__device__ __forceinline__ float2 unpack2(std::uint32_t v) {
  if constexpr (std::is_same_v<T, bf16>) {
    return {__uint_as_float(v << 16), __uint_as_float(v & 0xffff0000U)};
  } else {
    return __half22float2(*reinterpret_cast<const __half2*>(&v));
  }
}

template <typename T>
__device__ __forceinline__ std::uint32_t pack2(float lo, float hi) {
  if constexpr (std::is_same_v<T, bf16>) {
    const __nv_bfloat162 p = __floats2bfloat162_rn(lo, hi);
    return *reinterpret_cast<const std::uint32_t*>(&p);
  } else {
    const __half2 p = __floats2half2_rn(lo, hi);
    return *reinterpret_cast<const std::uint32_t*>(&p);
  }
}

/// V consecutive elements as floats; 16 bytes when V·sizeof(T) = 16, else one element at a time.
template <typename T, int V, bool kOnce = false>
__device__ __forceinline__ void load_vec(const T* p, float (&out)[V]) {
  if constexpr (V * sizeof(T) == 16) {
    const auto* const from = reinterpret_cast<const uint4*>(p);
    const uint4 raw = kOnce ? __ldcs(from) : *from;
    const std::uint32_t w[4] = {raw.x, raw.y, raw.z, raw.w};
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      if constexpr (sizeof(T) == 4) {
        out[i] = __uint_as_float(w[i]);
      } else {
        const float2 f = unpack2<T>(w[i]);
        out[2 * i] = f.x;
        out[2 * i + 1] = f.y;
      }
    }
  } else {
#pragma unroll
    for (int i = 0; i < V; ++i) out[i] = to_float(p[i]);
  }
}

template <typename T, int V, bool kOnce = false>
__device__ __forceinline__ void store_vec(T* p, const float (&v)[V]) {
  if constexpr (V * sizeof(T) == 16) {
    std::uint32_t w[4];
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      if constexpr (sizeof(T) == 4) {
        w[i] = __float_as_uint(v[i]);
      } else {
        w[i] = pack2<T>(v[2 * i], v[2 * i + 1]);
      }
    }
    auto* const to = reinterpret_cast<uint4*>(p);
    const uint4 raw = make_uint4(w[0], w[1], w[2], w[3]);
    if constexpr (kOnce)
      __stcs(to, raw);
    else
      *to = raw;
  } else {
#pragma unroll
    for (int i = 0; i < V; ++i) p[i] = from_float<T>(v[i]);
  }
}

__device__ __forceinline__ float silu(float z) {
  return z / (1.0F + __expf(-z));
}

/// clamp(softplus(dt + bias)), softplus only when asked for.
struct DtTransform {
  bool softplus;
  float lo, hi;
  __device__ __forceinline__ float operator()(float dt, float bias) const {
    float v = dt + bias;
    if (softplus) v = v > 20.0F ? v : log1pf(__expf(v));
    return fminf(fmaxf(v, lo), hi);
  }
  /// The same to 4e-6, in a shorter chain: log1p(e) by its series below 0.1.
  __device__ __forceinline__ float brief(float dt, float bias) const {
    float v = dt + bias;
    if (softplus) {
      const float e = __expf(-fabsf(v));
      const float series =
          e * (1.0F - e * (0.5F - e * (0.33333333F - e * (0.25F - e * (0.2F - e * 0.16666667F)))));
      v = fmaxf(v, 0.0F) + (e < 0.1F ? series : __logf(1.0F + e));
    }
    return fminf(fmaxf(v, lo), hi);
  }
};

inline bool aligned16(const void* p) {
  return reinterpret_cast<std::uintptr_t>(p) % 16 == 0;
}

/// True when every row of `rows` starts on a 16-byte boundary.
inline bool rows_aligned16(const ConstRows& rows, std::size_t element) {
  return aligned16(rows.data) && (rows.row_stride * element) % 16 == 0 &&
         (rows.batch_stride * element) % 16 == 0;
}

/// Calls f with a value of the element type.
template <typename F>
void for_dtype(DType t, F&& f) {
  switch (t) {
    case DType::f32:
      f(float{});
      return;
    case DType::f16:
      f(f16{});
      return;
    case DType::bf16:
      f(bf16{});
      return;
  }
}

}  // namespace ssmprof::kernels::cuda::ssd_detail
