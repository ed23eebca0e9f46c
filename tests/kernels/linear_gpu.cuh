#pragma once

#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "kernels/bench/fill.hpp"
#include "kernels/cuda/common.cuh"
#include "kernels/linear.hpp"

#include "tests/catch.hpp"
#include "tests/kernels/mamba1_gpu.cuh"

/// A linear layer on the device, drawn anew each time, and its fp64 product.
namespace linear_gpu {

using namespace ssmprof::kernels;
using mamba1_gpu::cuda_ok;
using mamba1_gpu::on_gpu;

template <class T>
__global__ void draw(T* p, std::int64_t count, std::uint64_t seed) {
  const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i < count) p[i] = cuda::from_float<T>(bench::uniform(seed, i, -1.0F, 1.0F));
}

/// Each output's sum, and the sum of its terms' sizes.
template <class T>
__global__ void product(LinearArgs a, double2* out) {
  const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i >= a.rows * a.outputs) return;
  const std::int64_t m = i / a.outputs, n = i % a.outputs;
  const T* x = static_cast<const T*>(a.x.data) + m * a.x.row_stride;
  const T* weight = static_cast<const T*>(a.weight) + n * a.inputs;
  double sum = a.bias != nullptr ? double(cuda::to_float(static_cast<const T*>(a.bias)[n])) : 0.0;
  double size = fabs(sum);
  for (std::int64_t k = 0; k < a.inputs; ++k) {
    const double term = double(cuda::to_float(x[k])) * double(cuda::to_float(weight[k]));
    sum += term, size += fabs(term);
  }
  out[i] = {sum, size};
}

class Layer {
 public:
  /// Rows of x and y stand `gap` elements apart; weights begin `shift` elements behind an aligned
  /// address. What no kernel may touch or use is NaN.
  Layer(DType dtype, std::int64_t rows, std::int64_t inputs, std::int64_t outputs, std::int64_t gap,
        bool bias, std::int64_t shift = 0)
      : size_(size_of(dtype)) {
    static std::uint64_t seed = 1;
    args_.dtype = dtype;
    args_.rows = rows, args_.inputs = inputs, args_.outputs = outputs;
    x_bytes_ = allocate(x_, rows * (inputs + gap));
    y_bytes_ = allocate(y_, rows * (outputs + gap));
    allocate(weight_, outputs * inputs + shift);
    allocate(bias_, outputs);
    cuda_ok(cudaMalloc(&expected_, rows * outputs * sizeof(double2)));
    args_.x = {x_, 0, inputs + gap}, args_.y = {y_, 0, outputs + gap};
    args_.weight = static_cast<char*>(weight_) + shift * static_cast<std::int64_t>(size_);
    args_.bias = bias ? bias_ : nullptr;
    for (std::int64_t m = 0; m < rows; ++m) fill(x_, m * (inputs + gap), inputs, seed++);
    fill(weight_, shift, outputs * inputs, seed++);
    fill(bias_, 0, outputs, seed++);
    poison();
  }
  Layer(const Layer&) = delete;
  Layer& operator=(const Layer&) = delete;
  ~Layer() {
    for (void* p : {x_, y_, weight_, bias_, static_cast<void*>(expected_)}) cudaFree(p);
  }

  const LinearArgs& args() const { return args_; }
  std::string name() const {
    return std::string(name_of(args_.dtype)) + " M " + std::to_string(args_.rows) + " N " +
           std::to_string(args_.outputs) + " K " + std::to_string(args_.inputs) + " stride " +
           std::to_string(args_.x.row_stride);
  }
  void poison() { cuda_ok(cudaMemset(y_, 0xff, y_bytes_)); }
  std::vector<unsigned char> bits() const { return bytes(y_, y_bytes_); }
  std::vector<unsigned char> x() const { return bytes(x_, x_bytes_); }
  void set_x(const std::vector<unsigned char>& from) {
    cuda_ok(cudaMemcpy(x_, from.data(), x_bytes_, cudaMemcpyHostToDevice));
  }

  /// y against fp64: every value within half a unit in its last place and what an fp32 sum may
  /// lose; many values also by their norm. And that the gaps between its rows are as poisoned.
  void check() {
    const DType dtype = args_.dtype;
    const double unit = dtype == DType::f32 ? 0x1p-24 : dtype == DType::f16 ? 0x1p-11 : 0x1p-8;
    const auto got = bits();
    const std::int64_t count = args_.rows * args_.outputs;
    cuda::dispatch(args_.dtype, [&](auto t) {
      product<decltype(t)><<<static_cast<unsigned>((count + 127) / 128), 128>>>(args_, expected_);
    });
    std::vector<double2> expected(static_cast<std::size_t>(count));
    cuda_ok(cudaMemcpy(expected.data(), expected_, expected.size() * sizeof(double2),
                       cudaMemcpyDeviceToHost));
    double difference = 0, norm = 0;
    std::int64_t wrong = 0;
    bool gaps = true;
    for (std::int64_t m = 0; m < args_.rows; ++m)
      for (std::int64_t n = 0; n < args_.y.row_stride; ++n) {
        const auto at = static_cast<std::size_t>(m * args_.y.row_stride + n) * size_;
        if (n >= args_.outputs) {
          for (std::size_t i = 0; i < size_; ++i) gaps = gaps && got[at + i] == 0xff;
          continue;
        }
        const auto [e, terms] = expected[static_cast<std::size_t>(m * args_.outputs + n)];
        const double d = std::abs(value(&got[at]) - e);
        // fp16 knows nothing smaller than 2^-24.
        const double least = dtype == DType::f16 ? 0x1p-25 : 0.0;
        if (!(d <= 1.001 * unit * std::abs(e) + 4e-6 * terms + least)) ++wrong;
        difference += d * d, norm += e * e;
      }
    const double bar = dtype == DType::f32 ? 1e-5 : dtype == DType::f16 ? 4e-4 : 2e-3;
    CHECK(gaps);
    CHECK(wrong == 0);
    if (count >= 500) CHECK(std::sqrt(difference / norm) <= bar);
  }

 private:
  std::size_t allocate(void*& p, std::int64_t count) const {
    const std::size_t bytes = static_cast<std::size_t>(count) * size_;
    cuda_ok(cudaMalloc(&p, bytes));
    cuda_ok(cudaMemset(p, 0xff, bytes));
    return bytes;
  }
  void fill(void* p, std::int64_t first, std::int64_t count, std::uint64_t seed) const {
    cuda::dispatch(args_.dtype, [&](auto t) {
      draw<<<static_cast<unsigned>((count + 255) / 256), 256>>>(
          static_cast<decltype(t)*>(p) + first, count, seed);
    });
  }
  std::vector<unsigned char> bytes(const void* p, std::size_t count) const {
    std::vector<unsigned char> got(count);
    cuda_ok(cudaMemcpy(got.data(), p, count, cudaMemcpyDeviceToHost));
    return got;
  }
  double value(const unsigned char* p) const {
    if (args_.dtype == DType::f32) {
      float v = 0;
      std::memcpy(&v, p, 4);
      return v;
    }
    std::uint16_t raw = 0;
    std::memcpy(&raw, p, 2);
    if (args_.dtype == DType::f16) return __half2float(__half(__half_raw{raw}));
    return __bfloat162float(__nv_bfloat16(__nv_bfloat16_raw{raw}));
  }

  LinearArgs args_;
  std::size_t size_, x_bytes_ = 0, y_bytes_ = 0;
  void *x_ = nullptr, *y_ = nullptr, *weight_ = nullptr, *bias_ = nullptr;
  double2* expected_ = nullptr;
};

}  // namespace linear_gpu
