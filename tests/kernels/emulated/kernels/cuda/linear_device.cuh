#pragma once

#include <cmath>

#include "kernels/cpu/convert.hpp"
#include "kernels/cuda/common.cuh"

/// Stands in for the header of this name: the instructions of the linear layer as the PTX ISA
/// describes them. Asynchronous copies arrive when somebody waits for them, not before, and until
/// then their place holds NaN.
namespace ssmprof::kernels::cuda {

using std::min;

template <class T, int n>
struct alignas(sizeof(T) * n) Pack {
  T v[n];
};
template <int n, class T>
void store_pack(T* p, const Pack<T, n>& v) {
  if (reinterpret_cast<std::uintptr_t>(p) % sizeof(v) != 0) Machine::get().fail("unaligned store");
  std::memcpy(p, &v, sizeof(v));
}

template <int n, class T>
Pack<T, n> load_pack(const T* p) {
  Pack<T, n> v;
  if (reinterpret_cast<std::uintptr_t>(p) % sizeof(v) != 0) Machine::get().fail("unaligned load");
  std::memcpy(&v, p, sizeof(v));
  return v;
}
/// The sum of `count` neighbouring lanes, in each.
inline float sum_of_lanes(float v, int count) {
  auto& machine = Machine::get();
  auto& warp = machine.warp();
  const int lane = machine.lane();
  std::memcpy(&warp.words[lane][0], &v, sizeof(v));
  machine.barrier_of_warp();
  float sum = 0;
  for (int i = 0; i < count; ++i) {
    float one = 0;
    std::memcpy(&one, &warp.words[lane / count * count + i][0], sizeof(one));
    sum += one;
  }
  machine.barrier_of_warp();
  return sum;
}
inline float warp_sum(float v) {
  return sum_of_lanes(v, kWarp);
}
inline float sum_of_eight(float v) {
  return sum_of_lanes(v, 8);
}
inline float sum_of_four(float v) {
  return sum_of_lanes(v, 4);
}
inline float rsqrtf(float v) {
  return 1.0F / std::sqrt(v);
}
using std::fmaf;

/// What weights may be read, and how many bank conflicts there were.
struct Watch {
  const void *first = nullptr, *last = nullptr;
  std::int64_t conflicts = 0;
};
inline Watch watch;

template <class T>
void mma_k16(float (&d)[4], const uint4& a, std::uint32_t b0, std::uint32_t b1) {
  auto& machine = Machine::get();
  auto& warp = machine.warp();
  const int lane = machine.lane(), group = lane / 4, pair = lane % 4;
  const std::uint32_t words[4] = {a.x, a.y, a.z, a.w};
  std::memcpy(warp.words[lane], words, sizeof(words));
  warp.more[lane][0] = b0, warp.more[lane][1] = b1;
  machine.barrier_of_warp();
  const auto half = [](std::uint32_t word, int which) {
    T value;
    value.bits = static_cast<std::uint16_t>(word >> (16 * which));
    return static_cast<double>(to_float(value));
  };
  for (int j = 0; j < 4; ++j) {
    const int row = group + j / 2 * 8, column = 2 * pair + j % 2;
    double sum = static_cast<double>(d[j]);
    for (int k = 0; k < 16; ++k) {
      const int holder = k % 8 / 2;
      sum += half(warp.words[row % 8 * 4 + holder][row / 8 + k / 8 * 2], k % 2) *
             half(warp.more[column * 4 + holder][k / 8], k % 2);
    }
    d[j] = static_cast<float>(sum);
  }
  machine.barrier_of_warp();
}

inline unsigned char* block_memory() {
  return Machine::get().block().shared.data();
}
inline std::uint32_t shared_address(const void* p) {
  return static_cast<std::uint32_t>(static_cast<const unsigned char*>(p) - block_memory());
}

inline void prefetch(const void*) {}
inline void copy_async(std::uint32_t to, const void* from, bool wanted) {
  auto& machine = Machine::get();
  const auto begin = reinterpret_cast<std::uintptr_t>(from);
  if (wanted && (begin % 16 != 0 || begin < reinterpret_cast<std::uintptr_t>(watch.first) ||
                 begin + 16 > reinterpret_cast<std::uintptr_t>(watch.last)))
    machine.fail("read beside the weights");
  std::memset(machine.at(machine.block(), to, 16), 0xff, 16);
  machine.self().copies.back().push_back({to, wanted ? from : nullptr, 16});
}
inline void copy_async_8(std::uint32_t to, const void* from) {
  auto& machine = Machine::get();
  if (reinterpret_cast<std::uintptr_t>(from) % 8 != 0) machine.fail("unaligned copy");
  std::memset(machine.at(machine.block(), to, 8), 0xff, 8);
  machine.self().copies.back().push_back({to, from, 8});
}
template <class P>
P load_shared_8(std::uint32_t address) {
  P p;
  std::memcpy(&p, Machine::get().at(Machine::get().block(), address, 8), 8);
  return p;
}
inline void commit_copies() {
  Machine::get().self().copies.emplace_back();
}
template <int pending>
void wait_for_copies() {
  auto& machine = Machine::get();
  auto& groups = machine.self().copies;
  while (groups.size() > pending + 1U) {
    for (const auto& copy : groups.front()) machine.land(copy);
    groups.pop_front();
  }
}

inline uint4 load_matrices(std::uint32_t address) {
  auto& machine = Machine::get();
  auto& warp = machine.warp();
  const int lane = machine.lane();
  machine.at(machine.block(), address, 16);
  warp.words[lane][0] = address;
  machine.barrier_of_warp();
  std::uint32_t got[4];
  for (int j = 0; j < 4; ++j) {
    unsigned banks = 0;  // of four each
    for (int row = 0; row < 8; ++row) {
      const std::uint32_t place = warp.words[8 * j + row][0];
      bool again = false;
      for (int other = 0; other < row; ++other) again |= warp.words[8 * j + other][0] == place;
      const unsigned bank = 1U << (place / 16 % 8);
      if (!again && (banks & bank) != 0) ++watch.conflicts;
      banks |= bank;
    }
    std::memcpy(&got[j],
                machine.block().shared.data() + warp.words[8 * j + lane / 4][0] + lane % 4 * 4, 4);
  }
  machine.barrier_of_warp();
  return {got[0], got[1], got[2], got[3]};
}
inline void store_shared(std::uint32_t address, uint4 v) {
  auto& machine = Machine::get();
  std::memcpy(machine.at(machine.block(), address, 16), &v, 16);
}

inline std::uint32_t cluster_blocks() {
  return static_cast<std::uint32_t>(Machine::get().cluster());
}
inline std::uint32_t cluster_rank() {
  return static_cast<std::uint32_t>(Machine::get().self().block);
}
inline void cluster_barrier() {
  Machine::get().barrier_of_cluster();
}
inline float4 load_cluster(std::uint32_t address, std::uint32_t rank) {
  auto& machine = Machine::get();
  auto& other = machine.block(rank);
  if (other.ended == machine.threads()) machine.fail("read from a block that has ended");
  float4 v;
  std::memcpy(&v, machine.at(other, address, 16), 16);
  return v;
}

inline void barrier_init(std::uint32_t address) {
  auto& machine = Machine::get();
  machine.at(machine.block(), address, 8);
  machine.block().counts = true;
}
inline void fence_copy_engine() {}
inline void mbarrier_expect(std::uint32_t, std::uint32_t bytes) {
  auto& machine = Machine::get();
  if (!machine.block().counts) machine.fail("a barrier that was not started");
  machine.block().expected = bytes;
}
inline void copy_bulk(std::uint32_t to, const void* from, std::uint32_t bytes, std::uint32_t) {
  auto& machine = Machine::get();
  auto& block = machine.block();
  machine.at(block, to, 16);
  if (to + bytes > block.shared.size() || bytes == 0 || bytes % 16 != 0 ||
      reinterpret_cast<std::uintptr_t>(from) % 16 != 0)
    machine.fail("a bulk copy outside the rules");
  std::memset(block.shared.data() + to, 0xff, bytes);
  block.bulk.push_back({to, from, bytes});
}
inline void mbarrier_wait(std::uint32_t, std::uint32_t parity) {
  auto& machine = Machine::get();
  auto& block = machine.block();
  if (block.phase % 2 != parity) return;
  std::uint32_t bytes = 0;
  for (const auto& copy : block.bulk) machine.land(copy), bytes += copy.bytes;
  if (bytes != block.expected) machine.fail("bytes that nobody copies");
  block.bulk.clear();
  ++block.phase;
}

}  // namespace ssmprof::kernels::cuda
