#pragma once

#include <bit>
#include <cmath>
#include <type_traits>

#include "kernels/cuda/common.cuh"

/// Stands in for the header of this name and for packed.cuh, as the PTX ISA describes their
/// instructions.
namespace ssmprof::kernels::cuda {

using std::fmaf;

inline std::uint32_t __float_as_uint(float v) {
  return std::bit_cast<std::uint32_t>(v);
}
inline float __uint_as_float(std::uint32_t v) {
  return std::bit_cast<float>(v);
}
inline unsigned short __ldg(const unsigned short* p) {
  return *p;
}

inline float* shared_floats() {
  return reinterpret_cast<float*>(Machine::get().block().shared.data());
}
template <int threads>
void block_barrier() {
  Machine::get().barrier_of(threads);
}
struct Gate {
  std::uint16_t threads, missing;
  std::uint32_t opened;
};
inline void gate_init(Gate* gate, int warps) {
  gate->threads = gate->missing = static_cast<std::uint16_t>(32 * warps), gate->opened = 0;
}
inline void gate_come(Gate* gate) {
  if (--gate->missing == 0) gate->missing = gate->threads, ++gate->opened;
}
inline void gate_wait(const Gate* gate, int odd) {
  while (gate->opened % 2 == static_cast<unsigned>(odd)) Machine::get().yield();
}

template <class P>
void step_rows(P*& p, unsigned bytes) {
  p = reinterpret_cast<P*>(reinterpret_cast<std::uintptr_t>(p) + bytes);
}
template <class T>
std::uint32_t no_step(bool soft) {
  return !soft ? 0U : std::is_same_v<T, cpu::Bf16> ? 0xff80ff80U : 0xfc00fc00U;
}

template <int words>
struct Words {
  std::uint32_t v[words];
};
template <int words>
void load_words_below(Words<words>& r, const void* p, int token, int tokens) {
  if (token >= tokens) return;
  if (reinterpret_cast<std::uintptr_t>(p) % sizeof(r) != 0) Machine::get().fail("unaligned load");
  std::memcpy(&r, p, sizeof(r));
}
template <int words>
void store_words_if(void* p, const Words<words>& r, bool wanted) {
  if (!wanted) return;
  if (reinterpret_cast<std::uintptr_t>(p) % sizeof(r) != 0) Machine::get().fail("unaligned store");
  std::memcpy(p, &r, sizeof(r));
}
template <class V>
void store_shared_if(V* p, V v, bool wanted) {
  if (reinterpret_cast<std::uintptr_t>(p) % sizeof(v) != 0) Machine::get().fail("unaligned store");
  if (wanted) *p = v;
}
inline float select(bool wanted, float a, float b) {
  return wanted ? a : b;
}

template <class T>
float2 widen(std::uint32_t packed) {
  T low, high;
  low.bits = static_cast<std::uint16_t>(packed);
  high.bits = static_cast<std::uint16_t>(packed >> 16);
  return {to_float(low), to_float(high)};
}
template <class T>
std::uint32_t narrow(float low, float high) {
  return from_float<T>(low).bits | static_cast<std::uint32_t>(from_float<T>(high).bits) << 16;
}

/// A's elements lose what TF32 has no room for.
template <bool add>
void mma_k8(float (&d)[4], float a0, float a1, float a2, float a3, float b0, float b1) {
  auto& machine = Machine::get();
  auto& warp = machine.warp();
  const int lane = machine.lane();
  const float a[4] = {a0, a1, a2, a3}, b[2] = {b0, b1};
  std::memcpy(warp.words[lane], a, sizeof(a));
  std::memcpy(warp.more[lane], b, sizeof(b));
  machine.barrier_of_warp();
  for (int j = 0; j < 4; ++j) {
    const int row = lane / 4 + j / 2 * 8, column = lane % 4 * 2 + j % 2;
    double sum = add ? static_cast<double>(d[j]) : 0.0;
    for (int k = 0; k < 8; ++k) {
      const std::uint32_t held = warp.words[row % 8 * 4 + k % 4][row / 8 + k / 4 * 2];
      sum += static_cast<double>(__uint_as_float(held & 0xffffe000U)) *
             static_cast<double>(__uint_as_float(warp.more[column * 4 + k % 4][k / 4]));
    }
    d[j] = static_cast<float>(sum);
  }
  machine.barrier_of_warp();
}

}  // namespace ssmprof::kernels::cuda
