#pragma once

// Host memory for kernel tests: typed arrays, padded token rows, seeded values, error norms.

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

#include "kernels/dtype.hpp"
#include "kernels/views.hpp"

#include "tests/kernels/reference.hpp"

namespace ssmprof::kernels::cases {

/// The same numbers on every machine (splitmix64, Box-Muller).
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed * 0x9e3779b97f4a7c15ULL + 1) {}
  double uniform(double low, double high) {
    state_ += 0x9e3779b97f4a7c15ULL;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    z ^= z >> 31;
    return low + (high - low) * (static_cast<double>(z >> 11) + 0.5) * 0x1p-53;
  }
  double normal(double mean, double deviation) {
    const double radius = std::sqrt(-2.0 * std::log(uniform(0.0, 1.0)));
    return mean + deviation * radius * std::cos(uniform(0.0, 6.283185307179586));
  }

 private:
  std::uint64_t state_;
};

/// Elements of one type. Fresh memory is 0xff everywhere: NaN in every type.
struct Array {
  DType dtype = DType::f32;
  std::vector<unsigned char> bytes;

  Array() = default;
  Array(DType type, std::int64_t count)
      : dtype(type), bytes(static_cast<std::size_t>(count) * size_of(type), 0xff) {}
  bool empty() const { return bytes.empty(); }
  std::int64_t count() const { return static_cast<std::int64_t>(bytes.size() / size_of(dtype)); }
  void* data() { return bytes.empty() ? nullptr : bytes.data(); }
  const void* data() const { return bytes.empty() ? nullptr : bytes.data(); }
  double get(std::int64_t i) const { return reference::value(dtype, bytes.data(), i); }
  void set(std::int64_t i, double v) {
    unsigned char* p = bytes.data() + static_cast<std::size_t>(i) * size_of(dtype);
    if (dtype == DType::f32) {
      const auto f = static_cast<float>(v);
      std::memcpy(p, &f, sizeof f);
      return;
    }
    // The nearest number of 11 (fp16) or 8 (bf16) significant bits, ties to even.
    const bool half = dtype == DType::f16;
    int exponent = 0;
    std::frexp(v, &exponent);
    const int step = std::max(exponent - (half ? 11 : 8), half ? -24 : -133);
    const double rounded = std::ldexp(std::nearbyint(std::ldexp(v, -step)), step);
    std::uint16_t bits = 0;
    if (!half) {
      bits = static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(static_cast<float>(rounded)) >>
                                        16);
    } else {
      const double magnitude = std::abs(rounded);
      if (magnitude >= 65536.0) {
        bits = 0x7c00;
      } else if (magnitude < 0x1p-14) {
        bits = static_cast<std::uint16_t>(std::ldexp(magnitude, 24));
      } else {
        std::frexp(magnitude, &exponent);
        bits = static_cast<std::uint16_t>(
            ((exponent + 14) << 10) +
            (static_cast<int>(std::ldexp(magnitude, 11 - exponent)) - 1024));
      }
      if (std::signbit(rounded)) bits = static_cast<std::uint16_t>(bits | 0x8000);
    }
    std::memcpy(p, &bits, sizeof bits);
  }
  /// Fills with make(i).
  template <typename Make>
  Array& fill(const Make& make) {
    for (std::int64_t i = 0; i < count(); ++i) set(i, make(i));
    return *this;
  }
};

/// Token rows [batch, length, width] with `lead` elements before the first, `row_gap` elements
/// between rows and `batch_gap` between batch entries; everything between is NaN.
struct RowArray {
  Array array;
  std::int64_t batch = 0, length = 0, width = 0, lead = 0, row_stride = 0, batch_stride = 0;

  RowArray() = default;
  RowArray(DType type, std::int64_t batch_, std::int64_t length_, std::int64_t width_,
           std::int64_t row_gap = 0, std::int64_t batch_gap = 0, std::int64_t lead_ = 0)
      : batch(batch_),
        length(length_),
        width(width_),
        lead(lead_),
        row_stride(width_ + row_gap),
        batch_stride(length_ * (width_ + row_gap) + batch_gap) {
    array = Array(type, lead + batch * batch_stride);
  }
  bool empty() const { return array.empty(); }
  std::int64_t index(std::int64_t b, std::int64_t t, std::int64_t c) const {
    return lead + b * batch_stride + t * row_stride + c;
  }
  /// The view with the array standing at `base`.
  ConstRows view(const void* base) const {
    if (base == nullptr) return {};
    return {static_cast<const unsigned char*>(base) +
                static_cast<std::size_t>(lead) * size_of(array.dtype),
            batch_stride, row_stride};
  }
  Rows view(void* base) const {
    if (base == nullptr) return {};
    return {
        static_cast<unsigned char*>(base) + static_cast<std::size_t>(lead) * size_of(array.dtype),
        batch_stride, row_stride};
  }
  /// Fills the rows with make(b, t, c); gaps stay NaN.
  template <typename Make>
  RowArray& fill(const Make& make) {
    for (std::int64_t b = 0; b < batch; ++b) {
      for (std::int64_t t = 0; t < length; ++t) {
        for (std::int64_t c = 0; c < width; ++c) array.set(index(b, t, c), make(b, t, c));
      }
    }
    return *this;
  }
  /// Whether every byte outside the rows still is 0xff.
  bool gaps_untouched() const {
    std::vector<bool> inside(static_cast<std::size_t>(array.count()), false);
    for (std::int64_t b = 0; b < batch; ++b) {
      for (std::int64_t t = 0; t < length; ++t) {
        for (std::int64_t c = 0; c < width; ++c) {
          inside[static_cast<std::size_t>(index(b, t, c))] = true;
        }
      }
    }
    for (std::int64_t i = 0; i < array.count(); ++i) {
      if (inside[static_cast<std::size_t>(i)]) continue;
      for (std::size_t k = 0; k < size_of(array.dtype); ++k) {
        if (array.bytes[static_cast<std::size_t>(i) * size_of(array.dtype) + k] != 0xff) {
          return false;
        }
      }
    }
    return true;
  }
};

/// ‖got − expected‖ / ‖expected‖; NaN when a value is NaN, infinity when the counts differ.
template <typename Get>
double relative_norm(const std::vector<double>& expected, std::int64_t count, const Get& get) {
  if (static_cast<std::int64_t>(expected.size()) != count) return HUGE_VAL;
  double error = 0.0, norm = 0.0;
  for (std::int64_t i = 0; i < count; ++i) {
    const double e = expected[static_cast<std::size_t>(i)];
    error += (get(i) - e) * (get(i) - e);
    norm += e * e;
  }
  return norm > 0.0 ? std::sqrt(error / norm) : std::sqrt(error);
}

inline double error_of(const std::vector<double>& expected, const Array& got) {
  return relative_norm(expected, got.count(), [&](std::int64_t i) { return got.get(i); });
}

inline double error_of(const std::vector<double>& expected, const RowArray& got) {
  return relative_norm(expected, got.batch * got.length * got.width, [&](std::int64_t i) {
    const std::int64_t token = i / got.width;
    return got.array.get(got.index(token / got.length, token % got.length, i % got.width));
  });
}

/// What a result rounded once to `type` may be off by, as a norm over random values.
inline double rounding_tolerance(DType type) {
  return type == DType::f32 ? 1e-5 : type == DType::f16 ? 2.5e-4 : 2e-3;
}

}  // namespace ssmprof::kernels::cases
