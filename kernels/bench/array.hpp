#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/dtype.hpp"
#include "kernels/launch.hpp"

namespace ssmprof::kernels::bench {

/// Owns `count` elements on a device (or in host memory for Device::cpu). Filled from a formula,
/// so that value(i) needs no copy back. Throws std::runtime_error when memory cannot be had.
class Array {
 public:
  Array() = default;
  Array(Device device, DType dtype, std::int64_t count);
  Array(Array&& other) noexcept;
  Array& operator=(Array&& other) noexcept;
  ~Array();

  void* data() const { return data_; }
  const float* floats() const { return static_cast<const float*>(data_); }
  /// The address of element i.
  void* at(std::int64_t i) const;
  std::int64_t count() const { return count_; }
  std::size_t bytes() const { return static_cast<std::size_t>(count_) * size_of(dtype_); }

  /// Element i = uniform(seed, i, low, high) rounded to the element type. Waits.
  void fill(std::uint64_t seed, float low, float high);
  /// What the last fill() did, again.
  void refill() { fill(seed_, low_, high_); }
  /// What fill() put at i.
  double value(std::int64_t i) const;
  /// Every byte 0xff: NaN in every element type. Waits.
  void poison();
  /// rows × width elements, row r starting at first + r·stride, as they are now. Waits.
  std::vector<float> read(std::int64_t first, std::int64_t stride, std::int64_t rows,
                          std::int64_t width) const;

 private:
  void release();
  Device device_ = Device::cpu;
  DType dtype_ = DType::f32;
  std::int64_t count_ = 0;
  void* data_ = nullptr;
  std::uint64_t seed_ = 0;
  float low_ = 0, high_ = 0;
};

/// Rounds to the element type and back.
float rounded(DType dtype, float value);

/// A running ‖a − b‖ / ‖b‖.
struct RelativeError {
  double difference = 0, norm = 0;
  void add(double got, double wanted) {
    difference += (got - wanted) * (got - wanted);
    norm += wanted * wanted;
  }
  double value() const;
};

}  // namespace ssmprof::kernels::bench
