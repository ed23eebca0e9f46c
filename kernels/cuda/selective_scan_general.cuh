#pragma once

#include "kernels/cuda/math.cuh"
#include "kernels/selective_scan.hpp"

/// The selective scan without any requirement on alignment, state size or element type: 16 lanes
/// walk one channel in time, lane n holding the states n, n + 16, … Every other form is checked
/// against the same reference and falls back to this one.
namespace ssmprof::kernels::cuda {

constexpr int kGeneralLanes = 16;
constexpr int kGeneralThreads = 128;

/// `kBlocks` states per lane, kBlocks · 16 ≥ state.
template <class T, int kBlocks>
__global__ void __launch_bounds__(kGeneralThreads) scan_general_kernel(const SelectiveScanArgs a) {
  const int lane = threadIdx.x % kGeneralLanes;
  const std::int64_t channel =
      static_cast<std::int64_t>(blockIdx.x) * (kGeneralThreads / kGeneralLanes) +
      threadIdx.x / kGeneralLanes;
  const std::int64_t item = blockIdx.y;  // the batch row or the sequence
  const bool active = channel < a.channels;
  const std::int64_t c = active ? channel : a.channels - 1;
  std::int64_t start = 0, end = a.length;
  if (a.sequences.starts != nullptr) {
    start = a.sequences.starts[item];
    end = a.sequences.starts[item + 1];
  }
  const std::int64_t batch = a.sequences.starts != nullptr ? 0 : item;
  const auto base = [&](const ConstRows& r) {
    return static_cast<const T*>(r.data) + batch * r.batch_stride;
  };
  const T *u = base(a.u) + c, *delta = base(a.delta) + c, *b = base(a.b), *cc = base(a.c);
  const T* z = a.z.data != nullptr ? base(a.z) + c : nullptr;
  T* out = static_cast<T*>(a.out.data) + batch * a.out.batch_stride + c;

  float decay[kBlocks], h[kBlocks];
  const std::int64_t state_row = (item * a.channels + c) * a.state;
#pragma unroll
  for (int k = 0; k < kBlocks; ++k) {
    const int n = lane + k * kGeneralLanes;
    decay[k] = n < a.state ? a.a[c * a.state + n] * kLog2e : 0.0F;
    h[k] = n < a.state && a.initial_state != nullptr ? a.initial_state[state_row + n] : 0.0F;
  }
  const float bias = a.delta_bias != nullptr ? a.delta_bias[c] : 0.0F;
  const float skip = a.d != nullptr ? a.d[c] : 0.0F;

#pragma unroll 2
  for (std::int64_t t = start; t < end; ++t) {
    const float input = to_float(u[t * a.u.row_stride]);
    float step = to_float(delta[t * a.delta.row_stride]) + bias;
    if (a.delta_softplus) step = softplus<kPrecise<T>>(step);
    const float scaled = step * input;
    float y = 0.0F;
#pragma unroll
    for (int k = 0; k < kBlocks; ++k) {
      const int n = lane + k * kGeneralLanes;
      if (n < a.state) {
        const float bn = to_float(b[t * a.b.row_stride + n]);
        const float cn = to_float(cc[t * a.c.row_stride + n]);
        h[k] = fmaf(exp2_fast(step * decay[k]), h[k], scaled * bn);
        y = fmaf(cn, h[k], y);
      }
    }
#pragma unroll
    for (int offset = kGeneralLanes / 2; offset > 0; offset /= 2)
      y += __shfl_xor_sync(0xffffffffU, y, offset);
    y = fmaf(skip, input, y);
    if (z != nullptr) y *= silu<kPrecise<T>>(to_float(z[t * a.z.row_stride]));
    if (active && lane == 0) out[t * a.out.row_stride] = from_float<T>(y);
  }
  if (active && a.final_state != nullptr) {
#pragma unroll
    for (int k = 0; k < kBlocks; ++k) {
      const int n = lane + k * kGeneralLanes;
      if (n < a.state) a.final_state[state_row + n] = h[k];
    }
  }
}

template <class T>
void launch_scan_general(const SelectiveScanArgs& a, cudaStream_t stream) {
  const std::int64_t items = a.sequences ? a.sequences.count : a.batch;
  const dim3 grid(static_cast<unsigned>(blocks_for(a.channels, kGeneralThreads / kGeneralLanes)),
                  static_cast<unsigned>(items));
  const std::int64_t blocks = blocks_for(a.state, kGeneralLanes);
  if (blocks <= 1)
    scan_general_kernel<T, 1><<<grid, kGeneralThreads, 0, stream>>>(a);
  else if (blocks <= 2)
    scan_general_kernel<T, 2><<<grid, kGeneralThreads, 0, stream>>>(a);
  else if (blocks <= 4)
    scan_general_kernel<T, 4><<<grid, kGeneralThreads, 0, stream>>>(a);
  else if (blocks <= 8)
    scan_general_kernel<T, 8><<<grid, kGeneralThreads, 0, stream>>>(a);
  else
    scan_general_kernel<T, 16><<<grid, kGeneralThreads, 0, stream>>>(a);
  check_launch("selective_scan");
}

}  // namespace ssmprof::kernels::cuda
