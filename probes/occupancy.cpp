#include "probes/occupancy.hpp"

#include <algorithm>

namespace ssmprof::probes {

namespace {

constexpr std::int64_t kWarp = 32, kRegisterUnit = 256, kSharedUnit = 128, kPartitions = 4;

std::int64_t round_up(std::int64_t value, std::int64_t unit) {
  return (value + unit - 1) / unit * unit;
}

}  // namespace

double theoretical_occupancy(const Gpu& gpu, std::int64_t block_threads, int registers,
                             std::int64_t shared_bytes) {
  if (block_threads <= 0 || gpu.max_threads_per_multiprocessor <= 0) return 0;
  const std::int64_t max_warps = gpu.max_threads_per_multiprocessor / kWarp;
  const std::int64_t warps = round_up(block_threads, kWarp) / kWarp;
  std::int64_t blocks =
      std::min<std::int64_t>(max_warps / warps, gpu.max_blocks_per_multiprocessor);
  if (registers > 0) {
    const std::int64_t per_warp = round_up(registers * kWarp, kRegisterUnit);
    const std::int64_t per_partition = gpu.registers_per_multiprocessor / kPartitions / per_warp;
    blocks = std::min(blocks, per_partition * kPartitions / warps);
  }
  const auto shared = round_up(
      shared_bytes + static_cast<std::int64_t>(gpu.reserved_shared_per_block), kSharedUnit);
  if (shared > 0) {
    blocks = std::min(blocks, static_cast<std::int64_t>(gpu.shared_per_multiprocessor) / shared);
  }
  return static_cast<double>(blocks * warps) / static_cast<double>(max_warps);
}

}  // namespace ssmprof::probes
