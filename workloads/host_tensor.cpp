#include "workloads/host_tensor.hpp"

#include <bit>
#include <cstring>
#include <new>
#include <utility>

namespace ssmprof::workloads {

using kernels::DType;

NewTensor allocate_tensor(DType dtype, std::vector<std::int64_t> shape) {
  constexpr std::align_val_t kAlignment{64};
  NewTensor fresh;
  fresh.tensor.dtype = dtype;
  fresh.tensor.shape = std::move(shape);
  const std::size_t size = fresh.tensor.bytes();
  fresh.data = static_cast<std::byte*>(::operator new(size > 0 ? size : 1, kAlignment));
  fresh.tensor.data = fresh.data;
  fresh.tensor.owner = std::shared_ptr<const void>(
      fresh.data, [](const void* p) { ::operator delete(const_cast<void*>(p), kAlignment); });
  return fresh;
}

namespace {

float half_to_float(std::uint16_t half) {
  const std::uint32_t sign = (half & 0x8000U) << 16U;
  const std::uint32_t exponent = (half >> 10U) & 31U;
  const std::uint32_t mantissa = half & 0x3ffU;
  if (exponent == 0) {
    const float value = static_cast<float>(mantissa) * 0x1p-24F;
    return sign != 0 ? -value : value;
  }
  const std::uint32_t wide = exponent == 31 ? 255 : exponent + 112;
  return std::bit_cast<float>(sign | (wide << 23U) | (mantissa << 13U));
}

std::uint16_t float_to_half(float value) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t sign = (bits >> 16U) & 0x8000U;
  const std::uint32_t magnitude = bits & 0x7fffffffU;
  if (magnitude > 0x7f800000U) return static_cast<std::uint16_t>(sign | 0x7e00U);   // NaN
  if (magnitude >= 0x477ff000U) return static_cast<std::uint16_t>(sign | 0x7c00U);  // rounds to ∞
  if (magnitude < 0x38800000U) {  // subnormal: let the adder round at 2^-24
    const float shifted = std::bit_cast<float>(magnitude) + 0.5F;
    return static_cast<std::uint16_t>(sign | (std::bit_cast<std::uint32_t>(shifted) - 0x3f000000U));
  }
  const std::uint32_t odd = (magnitude >> 13U) & 1U;
  const std::uint32_t rounded = magnitude + 0xfffU + odd - (112U << 23U);
  return static_cast<std::uint16_t>(sign | (rounded >> 13U));
}

std::uint16_t float_to_bfloat(float value) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(value);
  if ((bits & 0x7fffffffU) > 0x7f800000U) return static_cast<std::uint16_t>((bits >> 16U) | 64U);
  return static_cast<std::uint16_t>((bits + 0x7fffU + ((bits >> 16U) & 1U)) >> 16U);
}

}  // namespace

float load_element(const std::byte* data, std::int64_t i, DType dtype) {
  if (dtype == DType::f32) {
    float value = 0;
    std::memcpy(&value, data + i * 4, 4);
    return value;
  }
  std::uint16_t bits = 0;
  std::memcpy(&bits, data + i * 2, 2);
  if (dtype == DType::f16) return half_to_float(bits);
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16U);
}

void store_element(std::byte* data, std::int64_t i, DType dtype, float value) {
  if (dtype == DType::f32) {
    std::memcpy(data + i * 4, &value, 4);
    return;
  }
  const std::uint16_t bits = dtype == DType::f16 ? float_to_half(value) : float_to_bfloat(value);
  std::memcpy(data + i * 2, &bits, 2);
}

std::vector<float> to_floats(const HostTensor& tensor) {
  std::vector<float> values(static_cast<std::size_t>(tensor.elements()));
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = load_element(tensor.data, static_cast<std::int64_t>(i), tensor.dtype);
  }
  return values;
}

HostTensor from_floats(const std::vector<float>& values, std::vector<std::int64_t> shape,
                       DType dtype) {
  NewTensor fresh = allocate_tensor(dtype, std::move(shape));
  for (std::size_t i = 0; i < values.size(); ++i) {
    store_element(fresh.data, static_cast<std::int64_t>(i), dtype, values[i]);
  }
  return fresh.tensor;
}

std::string shape_text(const std::vector<std::int64_t>& shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (i > 0) text += ", ";
    text += std::to_string(shape[i]);
  }
  return text + "]";
}

}  // namespace ssmprof::workloads
