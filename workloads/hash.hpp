#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace ssmprof::workloads {

/// splitmix64's finalizer: a bijection that mixes all 64 bits.
/// Source: Steele, Lea and Flood, "Fast splittable pseudorandom number generators" (2014).
constexpr std::uint64_t mix64(std::uint64_t x) {
  x = (x ^ (x >> 30U)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27U)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31U);
}

/// A fingerprint of bytes against accidental change (not against an adversary), 64 bits, the same
/// on every little-endian machine. Several GB/s: four independent multiply-rotate lanes.
std::uint64_t hash_bytes(const void* data, std::size_t size, std::uint64_t seed = 0);

inline std::uint64_t hash_text(std::string_view text, std::uint64_t seed = 0) {
  return hash_bytes(text.data(), text.size(), seed);
}

/// 16 hexadecimal digits.
std::string hex(std::uint64_t value);

}  // namespace ssmprof::workloads
