#pragma once

#include <cstdint>

#ifdef __CUDACC__
#define SSMPROF_HOST_DEVICE __host__ __device__
#else
#define SSMPROF_HOST_DEVICE
#endif

namespace ssmprof::kernels::bench {

/// Element i of a reproducible sequence in [0, 1), the same on every device (splitmix64 finalizer,
/// Steele, Lea and Flood 2014), so that a reference can draw the inputs it needs again.
SSMPROF_HOST_DEVICE inline float uniform01(std::uint64_t seed, std::uint64_t i) {
  std::uint64_t x = seed * 0x9E3779B97F4A7C15ULL + i + 0x632BE59BD9B4E019ULL;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ULL;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBULL;
  x ^= x >> 31;
  return static_cast<float>(x >> 40) * (1.0F / 16777216.0F);
}

/// The same, in [low, high).
SSMPROF_HOST_DEVICE inline float uniform(std::uint64_t seed, std::uint64_t i, float low,
                                         float high) {
  return low + (high - low) * uniform01(seed, i);
}

}  // namespace ssmprof::kernels::bench
