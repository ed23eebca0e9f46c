#pragma once

#include "kernels/cpu/isa.hpp"
#include "kernels/cpu/simd/exp.hpp"
#include "kernels/cpu/simd/rows.hpp"

namespace ssmprof::kernels::cpu::SSMPROF_ISA {
namespace {

/// One row of a head's state: S = decay·S + xdt·B; returns Σ_n S[n]·C[n].
template <typename T>
SSMPROF_INLINE float update_row(std::int64_t state, float decay, float xdt, const float* b,
                                const float* c, T* s) {
  Vec total{};
  std::int64_t n = 0;
  for (; n + W <= state; n += W) {
    const Vec next = load(s + n) * decay + load(b + n) * xdt;
    store(s + n, next);
    total += next * load(c + n);
  }
  if (n < state) {
    const Vec next = load_part(s + n, state - n) * decay + load(b + n) * xdt;
    store_part(s + n, next, state - n);
    total += next * load(c + n);
  }
  return sum(total);
}

inline void ssd_state_update(const SsdStateUpdateArgs& args, std::int64_t batch, std::int64_t first,
                             std::int64_t heads) {
  constexpr std::int64_t block = 64;
  alignas(64) float b[256 + W], c[256 + W], x[block], z[block], y[block];
  const std::int64_t state = args.state, dim = args.head_dim;
  const std::int64_t padded_state = (state + W - 1) / W * W;
  const auto at = [&](const ConstRows& rows) { return batch * rows.batch_stride; };
  std::int64_t loaded = -1;
  for (std::int64_t h = first; h < first + heads; ++h) {
    const std::int64_t group = h / (args.heads / args.groups);
    if (group != loaded) {
      load_row(args.dtype, args.b.data, at(args.b) + group * state, state, b, padded_state);
      load_row(args.dtype, args.c.data, at(args.c) + group * state, state, c, padded_state);
      loaded = group;
    }
    float raw = 0.0F;
    load_row(args.dtype, args.dt.data, at(args.dt) + h, 1, &raw, 1);
    if (args.dt_bias != nullptr) raw += args.dt_bias[h];
    if (args.dt_softplus) raw = softplus(splat(raw))[0];
    raw = raw < args.dt_min ? args.dt_min : raw;
    const float dt = raw > args.dt_max ? args.dt_max : raw;
    const float decay = exp2_decay(splat(dt * args.a[h] * log2e))[0];
    const float skip = args.d != nullptr ? args.d[h] : 0.0F;
    for (std::int64_t p = 0; p < dim; p += block) {
      const std::int64_t n = dim - p < block ? dim - p : block;
      const std::int64_t padded = (n + W - 1) / W * W;
      load_row(args.dtype, args.x.data, at(args.x) + h * dim + p, n, x, padded);
      for (std::int64_t i = n; i < padded; ++i) y[i] = 0.0F;
      with_type(args.state_dtype, [&]<typename T>(T*) {
        T* s = static_cast<T*>(args.ssm_state) + ((batch * args.heads + h) * dim + p) * state;
        for (std::int64_t i = 0; i < n; ++i) {
          y[i] = update_row(state, decay, dt * x[i], b, c, s + i * state);
        }
      });
      if (args.z) load_row(args.dtype, args.z.data, at(args.z) + h * dim + p, n, z, padded);
      for (std::int64_t i = 0; i < padded; i += W) {
        Vec out = load(y + i) + load(x + i) * skip;
        if (args.z) out *= silu(load(z + i));
        store(y + i, out);
      }
      store_row(args.dtype, y, n, args.out.data, at(args.out) + h * dim + p);
    }
  }
}

}  // namespace
}  // namespace ssmprof::kernels::cpu::SSMPROF_ISA
