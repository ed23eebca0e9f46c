#pragma once

#include <cstdint>

#include "kernels/dtype.hpp"

namespace ssmprof::kernels {

/// What an operation must do at least, by a stated formula (docs/metrics.md).
/// FLOP: add = mul = 1, fused multiply-add = 2. Transcendentals are counted apart.
/// Bytes: every input read once, every output written once.
struct Cost {
  std::uint64_t flops = 0;
  std::uint64_t transcendentals = 0;
  std::uint64_t bytes_read = 0;
  std::uint64_t bytes_written = 0;

  std::uint64_t bytes() const { return bytes_read + bytes_written; }
  Cost& operator+=(const Cost& o) {
    flops += o.flops;
    transcendentals += o.transcendentals;
    bytes_read += o.bytes_read;
    bytes_written += o.bytes_written;
    return *this;
  }
  friend Cost operator+(Cost a, const Cost& b) { return a += b; }
  friend bool operator==(const Cost&, const Cost&) = default;
};

/// C[m,n] = A[m,k] · W[k,n]: 2·m·n·k FLOP; activations of `activation`, weights of `weight`.
constexpr Cost gemm_cost(std::uint64_t m, std::uint64_t n, std::uint64_t k, DType activation,
                         DType weight) {
  return {2 * m * n * k, 0, m * k * size_of(activation) + k * n * size_of(weight),
          m * n * size_of(activation)};
}

}  // namespace ssmprof::kernels
