#pragma once

#include <bit>
#include <cstdint>

namespace ssmprof::kernels::cpu {

/// Storage of a bfloat16 or IEEE binary16 number; arithmetic happens in fp32.
struct Bf16 {
  std::uint16_t bits;
};
struct F16 {
  std::uint16_t bits;
};

inline float to_float(float v) {
  return v;
}
inline float to_float(Bf16 v) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(v.bits) << 16);
}
/// Exact, subnormals included.
inline float to_float(F16 v) {
  const std::uint32_t sign = static_cast<std::uint32_t>(v.bits & 0x8000U) << 16;
  const std::uint32_t magnitude = static_cast<std::uint32_t>(v.bits & 0x7fffU) << 13;
  if (magnitude >= (0x1fU << 23)) return std::bit_cast<float>(sign | 0x7f800000U | magnitude);
  if (magnitude >= (1U << 23)) {  // normal: rebias the exponent from 15 to 127
    return std::bit_cast<float>(sign | (magnitude + (112U << 23)));
  }
  // Subnormal: the same digits behind a leading one, which is taken away again.
  const float value = std::bit_cast<float>(magnitude + (113U << 23)) - 0x1p-14F;
  return std::bit_cast<float>(sign | std::bit_cast<std::uint32_t>(value));
}

template <typename T>
T from_float(float v);

template <>
inline float from_float<float>(float v) {
  return v;
}
/// Round to nearest, ties to even; overflow to infinity; NaN stays a (quiet) NaN.
template <>
inline Bf16 from_float<Bf16>(float v) {
  const auto bits = std::bit_cast<std::uint32_t>(v);
  if ((bits & 0x7fffffffU) > 0x7f800000U) {
    return {static_cast<std::uint16_t>((bits >> 16) | 0x40U)};
  }
  return {static_cast<std::uint16_t>((bits + 0x7fffU + ((bits >> 16) & 1U)) >> 16)};
}
/// Round to nearest, ties to even; overflow to infinity; subnormals exact; NaN stays NaN.
template <>
inline F16 from_float<F16>(float v) {
  const auto bits = std::bit_cast<std::uint32_t>(v);
  const std::uint32_t sign = (bits >> 16) & 0x8000U;
  const std::uint32_t magnitude = bits & 0x7fffffffU;
  std::uint32_t half = 0;
  if (magnitude > 0x7f800000U) {
    half = 0x7e00U | ((magnitude >> 13) & 0x1ffU);
  } else if (magnitude >= 0x477ff000U) {  // rounds to 65536 or more
    half = 0x7c00U;
  } else if (magnitude < 0x38800000U) {  // subnormal: let the fp32 adder round at 2^-24
    const float aligned = std::bit_cast<float>(magnitude) + 0.5F;
    half = std::bit_cast<std::uint32_t>(aligned) - std::bit_cast<std::uint32_t>(0.5F);
  } else {
    half = (magnitude - 0x38000000U + 0xfffU + ((magnitude >> 13) & 1U)) >> 13;
  }
  return {static_cast<std::uint16_t>(sign | half)};
}

}  // namespace ssmprof::kernels::cpu
