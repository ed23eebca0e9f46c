#pragma once

#include <cstdint>

#include "kernels/bench/array.hpp"
#include "kernels/bench/kernel_case.hpp"

namespace ssmprof::kernels::bench {

/// Makes the arrays of one problem: each filled from a seed of its own, so that any element's value
/// is known again without a copy (Array::value).
class Inputs {
 public:
  explicit Inputs(const Setup& setup) : device_(setup.device), seed_(setup.seed) {}

  /// `count` elements, uniform in [low, high).
  Array random(DType dtype, std::int64_t count, float low, float high) {
    Array array(device_, dtype, count);
    array.fill(++seed_, low, high);
    return array;
  }
  /// The same where `wanted`, an empty array otherwise; the seeds of later arrays do not depend on
  /// it.
  Array random_if(bool wanted, DType dtype, std::int64_t count, float low, float high) {
    if (wanted) return random(dtype, count, low, high);
    ++seed_;
    return {};
  }
  /// What a launch writes; undefined until then.
  Array output(DType dtype, std::int64_t count) const { return {device_, dtype, count}; }
  Array output_if(bool wanted, DType dtype, std::int64_t count) const {
    return wanted ? output(dtype, count) : Array();
  }
  /// At least `bytes` bytes of scratch, all zero; empty for 0.
  Array workspace(std::size_t bytes) const {
    if (bytes == 0) return {};
    Array array(device_, DType::f32, static_cast<std::int64_t>(bytes / 4 + 1));
    array.fill(0, 0.0F, 0.0F);
    return array;
  }

 private:
  Device device_;
  std::uint64_t seed_;
};

}  // namespace ssmprof::kernels::bench
