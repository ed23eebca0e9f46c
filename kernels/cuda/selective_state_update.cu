#include "kernels/cuda/math.cuh"
#include "kernels/cuda/selective_scan.hpp"

namespace ssmprof::kernels::cuda {
namespace {

constexpr int kThreads = 128;

/// `lanes` neighbouring threads share one (sequence, channel); each moves V states per access.
/// `kExact`: state == lanes · V, so that every thread makes exactly one access.
template <class T, class S, int V, int lanes, bool kExact>
__global__ void __launch_bounds__(kThreads) state_update_kernel(const SelectiveStateUpdateArgs p) {
  const int lane = threadIdx.x % lanes;
  const std::int64_t row = (static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x) / lanes;
  const bool active = row < p.batch * p.channels;
  const std::int64_t safe = active ? row : 0;
  const std::int64_t batch = safe / p.channels, channel = safe - batch * p.channels;
  const auto at = [&](const ConstRows& r) {
    return static_cast<const T*>(r.data) + batch * r.batch_stride;
  };
  S* state = static_cast<S*>(p.ssm_state) + safe * p.state;
  const float* a = p.a + channel * p.state;
  const T *b = at(p.b), *c = at(p.c);

  // Independent loads first: the state is the bulk of the traffic.
  Pack<S, V> first;
  if constexpr (kExact) first = load_pack<V>(state + lane * V);
  const float input = to_float(at(p.u)[channel]);
  float step = to_float(at(p.delta)[channel]);
  const float gate = p.z.data != nullptr ? to_float(at(p.z)[channel]) : 0.0F;
  if (p.delta_bias != nullptr) step += p.delta_bias[channel];
  if (p.delta_softplus) step = softplus<kPrecise<T>>(step);
  const float scaled = step * input;

  float y = 0.0F;
  const auto advance = [&](Pack<S, V>& h, int n) {
#pragma unroll
    for (int i = 0; i < V; ++i) {
      const float next =
          fmaf(exp2_fast(step * kLog2e * a[n + i]), to_float(h.v[i]), scaled * to_float(b[n + i]));
      y = fmaf(to_float(c[n + i]), next, y);
      h.v[i] = from_float<S>(next);
    }
    if (active) store_pack(state + n, h);
  };
  if constexpr (kExact) {
    advance(first, lane * V);
  } else {
    for (int n = lane * V; n < p.state; n += lanes * V) {
      auto h = load_pack<V>(state + n);
      advance(h, n);
    }
  }
#pragma unroll
  for (int offset = lanes / 2; offset > 0; offset /= 2)
    y += __shfl_xor_sync(0xffffffffU, y, offset);
  if (p.d != nullptr) y = fmaf(p.d[channel], input, y);
  if (p.z.data != nullptr) y *= silu<kPrecise<T>>(gate);
  if (active && lane == 0)
    (static_cast<T*>(p.out.data) + batch * p.out.batch_stride)[channel] = from_float<T>(y);
}

template <class T, class S>
void launch(const SelectiveStateUpdateArgs& p, cudaStream_t stream) {
  const auto grid = [&](int lanes) {
    return static_cast<unsigned>(blocks_for(p.batch * p.channels * lanes, kThreads));
  };
  const bool aligned = reinterpret_cast<std::uintptr_t>(p.ssm_state) % 16 == 0;
  if (p.state == 16 && aligned)
    state_update_kernel<T, S, 4, 4, true><<<grid(4), kThreads, 0, stream>>>(p);
  else if (p.state % 4 == 0 && aligned)
    state_update_kernel<T, S, 4, 8, false><<<grid(8), kThreads, 0, stream>>>(p);
  else
    state_update_kernel<T, S, 1, 16, false><<<grid(16), kThreads, 0, stream>>>(p);
  check_launch("selective_state_update");
}

}  // namespace

void selective_state_update(const SelectiveStateUpdateArgs& args, void* stream_pointer) {
  auto* const stream = static_cast<cudaStream_t>(stream_pointer);
  dispatch(args.dtype, [&](auto t) {
    dispatch(args.state_dtype, [&](auto s) { launch<decltype(t), decltype(s)>(args, stream); });
  });
}

}  // namespace ssmprof::kernels::cuda
