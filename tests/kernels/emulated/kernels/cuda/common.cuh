#pragma once

#include "kernels/cpu/convert.hpp"

#include "tests/kernels/emulated/machine.hpp"

/// Stands in for the header of this name: what CUDA's compiler knows.
#define __global__
#define __device__
#define __grid_constant__
#define __launch_bounds__(...)
#define __CUDA_ARCH__ 900

struct float2 {
  float x = 0, y = 0;
};
struct uint2 {
  std::uint32_t x = 0, y = 0;
};
struct uint4 {
  std::uint32_t x = 0, y = 0, z = 0, w = 0;
};
struct float4 {
  float x = 0, y = 0, z = 0, w = 0;
};

namespace ssmprof::kernels::cuda {

using cpu::from_float;
using cpu::to_float;
using emulated::kWarp;
using emulated::Machine;

/// threadIdx, blockIdx and blockDim: numbers that depend on who asks.
struct Index {
  struct Part {
    int (*value)();
    operator int() const { return value(); }
  } x, y;
};
inline constexpr Index threadIdx{{[] { return Machine::get().self().index; }}, {}};
inline constexpr Index blockIdx{{[] { return Machine::get().block_index(); }},
                                {[] { return Machine::get().row_of_blocks; }}};
inline constexpr Index blockDim{{[] { return Machine::get().threads(); }}, {}};

inline void __syncthreads() {
  Machine::get().barrier_of_block();
}
inline void __syncwarp() {
  Machine::get().barrier_of_warp();
}

}  // namespace ssmprof::kernels::cuda
