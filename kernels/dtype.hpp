#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace ssmprof::kernels {

/// Element type of activations, weights and states. Arithmetic is always at least fp32.
enum class DType : std::uint8_t { f32, f16, bf16 };

constexpr std::size_t size_of(DType t) {
  return t == DType::f32 ? 4 : 2;
}

/// The field's short name: "fp32", "fp16", "bf16".
constexpr std::string_view name_of(DType t) {
  return t == DType::f32 ? "fp32" : t == DType::f16 ? "fp16" : "bf16";
}

}  // namespace ssmprof::kernels
