#include "workloads/hash.hpp"

#include <array>
#include <bit>
#include <cstring>

namespace ssmprof::workloads {

namespace {

constexpr std::uint64_t kMultiplier1 = 0x9e3779b97f4a7c15ULL;
constexpr std::uint64_t kMultiplier2 = 0xc2b2ae3d27d4eb4fULL;

std::uint64_t absorb(std::uint64_t lane, std::uint64_t word) {
  return std::rotl(lane ^ (word * kMultiplier2), 29) * kMultiplier1;
}

}  // namespace

std::uint64_t hash_bytes(const void* data, std::size_t size, std::uint64_t seed) {
  static_assert(std::endian::native == std::endian::little);
  const auto* bytes = static_cast<const unsigned char*>(data);
  std::array<std::uint64_t, 4> lanes{};
  for (std::size_t i = 0; i < 4; ++i) lanes[i] = mix64(seed + (i + 1) * kMultiplier1);
  std::size_t left = size;
  for (; left >= 32; left -= 32, bytes += 32) {
    std::array<std::uint64_t, 4> words;
    std::memcpy(words.data(), bytes, 32);
    for (std::size_t i = 0; i < 4; ++i) lanes[i] = absorb(lanes[i], words[i]);
  }
  std::array<std::uint64_t, 4> tail{};
  if (left > 0) std::memcpy(tail.data(), bytes, left);
  for (std::size_t i = 0; i < 4; ++i) lanes[i] = absorb(lanes[i], tail[i]);
  std::uint64_t all = mix64(static_cast<std::uint64_t>(size) ^ seed);
  for (std::uint64_t lane : lanes) all = mix64(all ^ mix64(lane)) * kMultiplier1 + lane;
  return mix64(all);
}

std::string hex(std::uint64_t value) {
  std::string text(16, '0');
  for (int i = 15; i >= 0; --i, value >>= 4U) text[i] = "0123456789abcdef"[value & 15U];
  return text;
}

}  // namespace ssmprof::workloads
