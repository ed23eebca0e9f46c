#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "kernels/dtype.hpp"

namespace ssmprof::workloads {

/// A named tensor in host memory, contiguous, row-major; `owner` keeps the mapping or buffer
/// alive. `data` is aligned to the element size at least.
struct HostTensor {
  kernels::DType dtype = kernels::DType::f32;
  std::vector<std::int64_t> shape;
  const std::byte* data = nullptr;
  std::shared_ptr<const void> owner;

  std::int64_t elements() const {
    std::int64_t n = 1;
    for (auto s : shape) n *= s;
    return n;
  }
  std::size_t bytes() const {
    return static_cast<std::size_t>(elements()) * kernels::size_of(dtype);
  }
};

/// A fresh writable tensor: its memory (64-byte aligned, not initialized) and the tensor owning it.
struct NewTensor {
  std::byte* data = nullptr;
  HostTensor tensor;
};
NewTensor allocate_tensor(kernels::DType dtype, std::vector<std::int64_t> shape);

/// The value of element `i` of raw fp32, fp16 or bf16 memory.
float load_element(const std::byte* data, std::int64_t i, kernels::DType dtype);

/// Stores `value` as element `i`, rounded to nearest even.
void store_element(std::byte* data, std::int64_t i, kernels::DType dtype, float value);

/// All elements as fp32.
std::vector<float> to_floats(const HostTensor& tensor);

/// An fp32, fp16 or bf16 tensor from fp32 values (one per element of `shape`).
HostTensor from_floats(const std::vector<float>& values, std::vector<std::int64_t> shape,
                       kernels::DType dtype);

/// "[2, 3]", for messages.
std::string shape_text(const std::vector<std::int64_t>& shape);

}  // namespace ssmprof::workloads
