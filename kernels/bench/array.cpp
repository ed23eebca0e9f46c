#include "kernels/bench/array.hpp"

#include <cmath>
#include <cstring>
#include <limits>
#include <new>
#include <stdexcept>
#include <string>
#include <utility>

#include "kernels/bench/device.hpp"
#include "kernels/bench/fill.hpp"
#include "kernels/cpu/convert.hpp"

namespace ssmprof::kernels::bench {
namespace {

template <class T>
void fill_host(T* to, std::int64_t count, std::uint64_t seed, float low, float high) {
  for (std::int64_t i = 0; i < count; ++i)
    to[i] = cpu::from_float<T>(uniform(seed, static_cast<std::uint64_t>(i), low, high));
}

template <class T>
std::vector<float> widen(const std::vector<std::byte>& raw) {
  std::vector<float> out(raw.size() / sizeof(T));
  for (std::size_t i = 0; i < out.size(); ++i) {
    T value;
    std::memcpy(&value, raw.data() + i * sizeof(T), sizeof(T));
    out[i] = cpu::to_float(value);
  }
  return out;
}

}  // namespace

float rounded(DType dtype, float v) {
  switch (dtype) {
    case DType::f16:
      return cpu::to_float(cpu::from_float<cpu::F16>(v));
    case DType::bf16:
      return cpu::to_float(cpu::from_float<cpu::Bf16>(v));
    case DType::f32:
      break;
  }
  return v;
}

double RelativeError::value() const {
  if (std::isnan(difference)) return std::numeric_limits<double>::quiet_NaN();
  return norm > 0 ? std::sqrt(difference / norm) : std::sqrt(difference);
}

Array::Array(Device device, DType dtype, std::int64_t count)
    : device_(device), dtype_(dtype), count_(count) {
  if (count <= 0) return;
  if (device == Device::cuda)
    data_ = device_allocate(bytes());
  else
    data_ = ::operator new (bytes(), std::align_val_t{64});
}

Array::Array(Array&& other) noexcept {
  *this = std::move(other);
}

Array& Array::operator=(Array&& other) noexcept {
  if (this == &other) return *this;
  release();
  device_ = other.device_;
  dtype_ = other.dtype_;
  count_ = std::exchange(other.count_, 0);
  data_ = std::exchange(other.data_, nullptr);
  seed_ = other.seed_;
  low_ = other.low_;
  high_ = other.high_;
  return *this;
}

Array::~Array() {
  release();
}

void Array::release() {
  if (data_ == nullptr) return;
  if (device_ == Device::cuda)
    device_free(data_);
  else
    ::operator delete (data_, std::align_val_t{64});
  data_ = nullptr;
}

void* Array::at(std::int64_t i) const {
  return static_cast<char*>(data_) + i * static_cast<std::int64_t>(size_of(dtype_));
}

void Array::fill(std::uint64_t seed, float low, float high) {
  seed_ = seed;
  low_ = low;
  high_ = high;
  if (device_ == Device::cuda) {
    device_fill(data_, dtype_, count_, seed, low, high);
    return;
  }
  switch (dtype_) {
    case DType::f32:
      return fill_host(static_cast<float*>(data_), count_, seed, low, high);
    case DType::f16:
      return fill_host(static_cast<cpu::F16*>(data_), count_, seed, low, high);
    case DType::bf16:
      return fill_host(static_cast<cpu::Bf16*>(data_), count_, seed, low, high);
  }
}

double Array::value(std::int64_t i) const {
  return rounded(dtype_, uniform(seed_, static_cast<std::uint64_t>(i), low_, high_));
}

void Array::poison() {
  if (data_ == nullptr) return;
  if (device_ == Device::cuda)
    device_poison(data_, bytes());
  else
    std::memset(data_, 0xff, bytes());
}

std::vector<float> Array::read(std::int64_t first, std::int64_t stride, std::int64_t rows,
                               std::int64_t width) const {
  const std::size_t size = size_of(dtype_);
  const std::size_t row = static_cast<std::size_t>(width) * size;
  std::vector<std::byte> raw(row * static_cast<std::size_t>(rows));
  const std::size_t pitch = static_cast<std::size_t>(stride) * size;
  if (device_ == Device::cuda) {
    device_read(raw.data(), at(first), row, static_cast<std::size_t>(rows), pitch);
  } else {
    for (std::int64_t r = 0; r < rows; ++r)
      std::memcpy(raw.data() + static_cast<std::size_t>(r) * row, at(first + r * stride), row);
  }
  switch (dtype_) {
    case DType::f16:
      return widen<cpu::F16>(raw);
    case DType::bf16:
      return widen<cpu::Bf16>(raw);
    case DType::f32:
      break;
  }
  return widen<float>(raw);
}

}  // namespace ssmprof::kernels::bench
