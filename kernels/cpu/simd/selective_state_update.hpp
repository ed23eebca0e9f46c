#pragma once

#include "kernels/cpu/isa.hpp"
#include "kernels/cpu/simd/exp.hpp"
#include "kernels/cpu/simd/rows.hpp"

namespace ssmprof::kernels::cpu::SSMPROF_ISA {
namespace {

/// One channel: lanes = states. Returns Σ_n C[n]·h[n].
template <typename T>
SSMPROF_INLINE float update_channel(std::int64_t state, float dt, float du, const float* a,
                                    const float* b, const float* c, T* h) {
  const Vec step = splat(dt * log2e), x = splat(du);
  Vec total{};
  std::int64_t n = 0;
  for (; n + W <= state; n += W) {
    const Vec next = exp2_decay(step * load(a + n)) * load(h + n) + x * load(b + n);
    store(h + n, next);
    total += next * load(c + n);
  }
  if (n < state) {
    const std::int64_t rest = state - n;
    const Vec next =
        exp2_decay(step * load_part(a + n, rest)) * load_part(h + n, rest) + x * load(b + n);
    store_part(h + n, next, rest);
    total += next * load(c + n);
  }
  return sum(total);
}

inline void selective_state_update(const SelectiveStateUpdateArgs& args, std::int64_t batch,
                                   std::int64_t first, std::int64_t channels) {
  constexpr std::int64_t block = 64;
  alignas(64) float b[256 + W], c[256 + W], dt[block], u[block], z[block], bias[block], skip[block],
      out[block];
  const std::int64_t state = args.state, padded_state = (state + W - 1) / W * W;
  const auto at = [&](const ConstRows& rows) { return batch * rows.batch_stride; };
  load_row(args.dtype, args.b.data, at(args.b), state, b, padded_state);
  load_row(args.dtype, args.c.data, at(args.c), state, c, padded_state);
  for (std::int64_t start = first; start < first + channels; start += block) {
    const std::int64_t left = first + channels - start, n = left < block ? left : block;
    const std::int64_t padded = (n + W - 1) / W * W;
    load_row(args.dtype, args.u.data, at(args.u) + start, n, u, padded);
    load_row(args.dtype, args.delta.data, at(args.delta) + start, n, dt, padded);
    for (std::int64_t i = 0; i < padded; ++i) {
      bias[i] = i < n && args.delta_bias != nullptr ? args.delta_bias[start + i] : 0.0F;
      skip[i] = i < n && args.d != nullptr ? args.d[start + i] : 0.0F;
    }
    for (std::int64_t i = 0; i < padded; i += W) {
      const Vec raw = load(dt + i) + load(bias + i);
      store(dt + i, args.delta_softplus ? softplus(raw) : raw);
    }
    with_type(args.state_dtype, [&]<typename T>(T*) {
      T* h = static_cast<T*>(args.ssm_state) + (batch * args.channels + start) * state;
      for (std::int64_t i = 0; i < n; ++i) {
        out[i] = update_channel(state, dt[i], dt[i] * u[i], args.a + (start + i) * state, b, c,
                                h + i * state);
      }
    });
    for (std::int64_t i = n; i < padded; ++i) out[i] = 0.0F;
    if (args.z) load_row(args.dtype, args.z.data, at(args.z) + start, n, z, padded);
    for (std::int64_t i = 0; i < padded; i += W) {
      Vec y = load(out + i) + load(skip + i) * load(u + i);
      if (args.z) y *= silu(load(z + i));
      store(out + i, y);
    }
    store_row(args.dtype, out, n, args.out.data, at(args.out) + start);
  }
}

}  // namespace
}  // namespace ssmprof::kernels::cpu::SSMPROF_ISA
