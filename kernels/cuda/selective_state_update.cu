#include "kernels/cuda/math.cuh"
#include "kernels/cuda/programmatic.cuh"
#include "kernels/cuda/selective_scan.hpp"

namespace ssmprof::kernels::cuda {
namespace {

constexpr int kThreads = 128;

/// `lanes` neighbouring threads share one channel; each moves V states per access, for kRows
/// sequences at once, so that A, D and the bias are read once for them and the states of all are in
/// flight together. `kExact`: state == lanes · V, so that every thread makes one access per row.
template <class T, class S, int V, int lanes, int kRows, bool kExact>
__global__ void __launch_bounds__(kThreads) state_update_kernel(const SelectiveStateUpdateArgs p) {
  const int lane = threadIdx.x % lanes;
  // 32-bit division: the 64-bit one takes a noticeable part of a short launch.
  const std::uint32_t id = blockIdx.x * (kThreads / lanes) + threadIdx.x / lanes;
  const std::uint32_t channels = static_cast<std::uint32_t>(p.channels);
  const std::uint32_t group = id / channels;
  const std::int64_t channel = id - group * channels;
  const std::int64_t first = static_cast<std::int64_t>(group) * kRows;
  wait_for_previous_grid();
  let_next_grid_start();
  if (first >= p.batch) return;  // whole groups of lanes leave together
  const auto at = [&](const ConstRows& r, std::int64_t batch) {
    return static_cast<const T*>(r.data) + batch * r.batch_stride;
  };
  const bool gated = p.z.data != nullptr;
  const auto state_of = [&](std::int64_t batch) {
    return static_cast<S*>(p.ssm_state) + (batch * p.channels + channel) * p.state;
  };

  // All loads before the first use.
  Pack<S, V> held[kRows];
  float input[kRows], step[kRows], gate[kRows];
#pragma unroll
  for (int r = 0; r < kRows; ++r) {
    const std::int64_t batch = first + r < p.batch ? first + r : p.batch - 1;
    if constexpr (kExact) held[r] = load_pack<V>(state_of(batch) + lane * V);
    input[r] = to_float(at(p.u, batch)[channel]);
    step[r] = to_float(at(p.delta, batch)[channel]);
    gate[r] = gated ? to_float(at(p.z, batch)[channel]) : 0.0F;
  }
  const float* a = p.a + channel * p.state;
  const float bias = p.delta_bias != nullptr ? p.delta_bias[channel] : 0.0F;
  const float skip = p.d != nullptr ? p.d[channel] : 0.0F;

#pragma unroll
  for (int r = 0; r < kRows; ++r) {
    const bool valid = first + r < p.batch;
    const std::int64_t batch = valid ? first + r : p.batch - 1;
    const T *b = at(p.b, batch), *c = at(p.c, batch);
    step[r] += bias;
    if (p.delta_softplus) step[r] = softplus<true>(step[r]);
    const float scaled = step[r] * input[r];
    float y = 0.0F;
    const auto advance = [&](Pack<S, V>& h, int n) {
      Pack<T, V> bn, cn;
      if constexpr (kExact) {
        bn = load_pack<V>(b + n);
        cn = load_pack<V>(c + n);
      } else {
#pragma unroll
        for (int i = 0; i < V; ++i) bn.v[i] = b[n + i], cn.v[i] = c[n + i];
      }
#pragma unroll
      for (int i = 0; i < V; ++i) {
        const float next = fmaf(exp2_fast(step[r] * kLog2e * a[n + i]), to_float(h.v[i]),
                                scaled * to_float(bn.v[i]));
        y = fmaf(to_float(cn.v[i]), next, y);
        h.v[i] = from_float<S>(next);
      }
      if (valid) store_pack(state_of(batch) + n, h);
    };
    if constexpr (kExact) {
      advance(held[r], lane * V);
    } else {
      for (int n = lane * V; n < p.state; n += lanes * V) {
        auto h = load_pack<V>(state_of(batch) + n);
        advance(h, n);
      }
    }
    const unsigned mask = __activemask();
#pragma unroll
    for (int offset = lanes / 2; offset > 0; offset /= 2) y += __shfl_xor_sync(mask, y, offset);
    y = fmaf(skip, input[r], y);
    if (gated) y *= silu<true>(gate[r]);
    if (valid && lane == 0)
      (static_cast<T*>(p.out.data) + batch * p.out.batch_stride)[channel] = from_float<T>(y);
  }
}

template <class T, class S>
void launch(const SelectiveStateUpdateArgs& p, const Launch& where) {
  const auto go = [&](auto kernel, int lanes, int rows) {
    const auto blocks =
        static_cast<unsigned>(blocks_for(blocks_for(p.batch, rows) * p.channels * lanes, kThreads));
    launch_overlapping("selective_state_update", kernel, blocks, kThreads, 0, where, p);
  };
  const auto packed = [](const ConstRows& r, std::size_t states) {
    return rows_aligned(r.data, r.batch_stride, 0, sizeof(T), states * sizeof(T));
  };
  const bool aligned = reinterpret_cast<std::uintptr_t>(p.ssm_state) % 16 == 0;
  const bool many = p.batch * p.channels >= 132 * 2048;  // work for every thread with two rows each
  if (p.state == 16 && aligned && many && packed(p.b, 4) && packed(p.c, 4)) {
    go(state_update_kernel<T, S, 4, 4, 2, true>, 4, 2);
  } else if (p.state == 16 && aligned && packed(p.b, 4) && packed(p.c, 4)) {
    go(state_update_kernel<T, S, 4, 4, 1, true>, 4, 1);
  } else if (p.state % 4 == 0 && aligned) {
    go(state_update_kernel<T, S, 4, 8, 1, false>, 8, 1);
  } else {
    go(state_update_kernel<T, S, 1, 16, 1, false>, 16, 1);
  }
}

}  // namespace

void selective_state_update(const SelectiveStateUpdateArgs& args, const Launch& where) {
  dispatch(args.dtype, [&](auto t) {
    dispatch(args.state_dtype, [&](auto s) { launch<decltype(t), decltype(s)>(args, where); });
  });
}

}  // namespace ssmprof::kernels::cuda
