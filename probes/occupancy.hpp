#pragma once

#include <cstdint>

#include "probes/gpu.hpp"

namespace ssmprof::probes {

/// Warps of a kernel that fit on a multiprocessor / warps that fit at all, 0..1, from its block
/// size (threads), registers per thread and shared memory per block (B). Follows the CUDA occupancy
/// rules: registers are given per warp in units of 256, shared memory in units of 128 B.
double theoretical_occupancy(const Gpu& gpu, std::int64_t block_threads, int registers,
                             std::int64_t shared_bytes);

}  // namespace ssmprof::probes
