#pragma once

#include <cstdint>
#include <string_view>

#include "workloads/hash.hpp"

namespace ssmprof::workloads {

/// Version of the generator: part of every seeded model's fingerprint.
inline constexpr int kGeneratorVersion = 1;

/// A counter-based stream of random numbers: number i depends on (seed, stream, i) alone, so that
/// any thread may make any part. Built from splitmix64's finalizer on a Weyl sequence; integer
/// arithmetic only, so the numbers are the same on every machine.
class CounterRandom {
 public:
  CounterRandom(std::uint64_t seed, std::string_view stream)
      : key_(mix64(mix64(seed + kStep) ^ hash_text(stream))) {}

  std::uint64_t bits(std::uint64_t i) const { return mix64(key_ + (i + 1) * kStep); }

  /// Uniform in [0, 1), a multiple of 2^-53.
  double uniform(std::uint64_t i) const { return static_cast<double>(bits(i) >> 11U) * 0x1p-53; }

  /// Uniform in [0, bound).
  std::uint64_t below(std::uint64_t i, std::uint64_t bound) const {
    return static_cast<std::uint64_t>((static_cast<Wide>(bits(i)) * bound) >> 64U);
  }

  /// Approximately normal with mean 0 and variance kNormalVariance, a multiple of 2^-32: the
  /// number of ones among 128 random bits, a binomial variable, minus its mean 64, smoothed by the
  /// sum of two uniform ones in [-1, 1) into a density that is linear between its knots, 0.18
  /// standard deviations apart. Excess kurtosis -0.016; |x| < 65.
  double normal(std::uint64_t i) const {
    const std::uint64_t a = bits(3 * i);
    const std::uint64_t b = bits(3 * i + 1);
    const std::uint64_t c = bits(3 * i + 2);
    const std::int64_t ones = count_ones(a, b) - 64;
    const auto smooth = static_cast<std::int64_t>((c & 0xffffffffU) + (c >> 32U)) - (1LL << 32U);
    return static_cast<double>(ones * (1LL << 32U) + smooth) * 0x1p-32;
  }
  static constexpr double kNormalVariance = 32.0 + 1.0 / 6.0;

 private:
  __extension__ using Wide = unsigned __int128;
  static constexpr std::uint64_t kStep = 0x9e3779b97f4a7c15ULL;

  /// Ones in both words. By hand: without -mpopcnt compilers call a slow table look-up.
  static std::int64_t count_ones(std::uint64_t a, std::uint64_t b) {
    constexpr std::uint64_t k1 = 0x5555555555555555ULL;
    constexpr std::uint64_t k2 = 0x3333333333333333ULL;
    constexpr std::uint64_t k4 = 0x0f0f0f0f0f0f0f0fULL;
    a -= (a >> 1U) & k1;
    b -= (b >> 1U) & k1;
    a = (a & k2) + ((a >> 2U) & k2) + (b & k2) + ((b >> 2U) & k2);
    a = (a & k4) + ((a >> 4U) & k4);
    return static_cast<std::int64_t>((a * 0x0101010101010101ULL) >> 56U);
  }

  std::uint64_t key_;
};

}  // namespace ssmprof::workloads
