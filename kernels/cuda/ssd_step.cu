#include "kernels/cuda/causal_conv1d.hpp"
#include "kernels/cuda/math.cuh"
#include "kernels/cuda/programmatic.cuh"
#include "kernels/cuda/ssd.hpp"
#include "kernels/cuda/ssd_common.cuh"
#include "kernels/cuda/ssd_step.hpp"

namespace ssmprof::kernels::cuda {
namespace {

constexpr int kThreads = 128;
constexpr int kWarps = kThreads / kWarp;
constexpr int kTaps = 4;
/// Accesses of the state that a thread has in flight, in each of two buffers.
constexpr int kInFlight = 4;

/// Four channels of a convolution's step: their new value, after SiLU, and the rows that stay.
template <class T>
struct Convolved {
  Pack<T, 4> kept[kTaps - 1];
  float value[4];
};

template <class T>
__device__ Convolved<T> convolve(const SsdStepArgs& a, std::int64_t batch, std::int64_t channels,
                                 std::int64_t channel) {
  const T* state = static_cast<const T*>(a.conv_state) + batch * (kTaps - 1) * channels + channel;
  const T* weight = static_cast<const T*>(a.conv_weight) + channel * kTaps;
  const T* bias = static_cast<const T*>(a.conv_bias);
  Pack<T, 4> window[kTaps], taps[4], offset{};
#pragma unroll
  for (int k = 0; k < kTaps - 1; ++k) window[k] = load_pack<4>(state + k * channels);
  window[kTaps - 1] =
      load_pack<4>(static_cast<const T*>(a.xbc.data) + batch * a.xbc.batch_stride + channel);
#pragma unroll
  for (int i = 0; i < 4; ++i) taps[i] = load_pack<4>(weight + i * kTaps);
  if (bias != nullptr) offset = load_pack<4>(bias + channel);
  Convolved<T> result;
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    float sum = bias != nullptr ? to_float(offset.v[i]) : 0.0F;
#pragma unroll
    for (int k = 0; k < kTaps; ++k)
      sum = fmaf(to_float(taps[i].v[k]), to_float(window[k].v[i]), sum);
    result.value[i] = silu<true>(sum);
  }
#pragma unroll
  for (int k = 0; k < kTaps - 1; ++k) result.kept[k] = window[k + 1];
  return result;
}

template <class T>
__device__ void keep(const SsdStepArgs& a, std::int64_t batch, std::int64_t channels,
                     std::int64_t channel, const Convolved<T>& from) {
  T* state = static_cast<T*>(a.conv_state) + batch * (kTaps - 1) * channels + channel;
#pragma unroll
  for (int k = 0; k < kTaps - 1; ++k) store_pack(state + k * channels, from.kept[k]);
}

/// One block per (stretch of `rows` rows of a head, sequence), the rows' states in registers,
/// kInFlight at a time in each of two buffers. The block convolves its slice of x and, as every
/// block of the group does, B and C. Their rows of the convolution's state may only be shifted when
/// all blocks of the group have read them: `arrived` counts those, the last one shifts and sets the
/// count back.
template <class T, class S, int kLanes, int K>
__global__ void __launch_bounds__(kThreads, 6)
    ssd_step_kernel(const SsdStepArgs a, const ssd_detail::DtTransform transform, const int rows,
                    unsigned* arrived) {
  constexpr int V = 16 / sizeof(S);
  constexpr int kRowsAtOnce = kWarp / kLanes;
  constexpr int kStep = kWarps * kRowsAtOnce;
  extern __shared__ float xbc[];  // x, B, C, and the gate of x's rows
  __shared__ bool last_of_group;
  const int lane = threadIdx.x % kWarp, warp = threadIdx.x / kWarp;
  const int sub = lane / kLanes, l = lane % kLanes;
  const int n_state = static_cast<int>(a.state);
  const int blocks = static_cast<int>(a.head_dim) / rows;  // per head
  const int head = blockIdx.x / blocks;
  const std::int64_t batch = blockIdx.y;
  const int group = head * static_cast<int>(a.groups) / static_cast<int>(a.heads);
  const std::int64_t inner = a.heads * a.head_dim;
  const std::int64_t channels = inner + 2 * a.groups * a.state;
  const std::int64_t row0 = static_cast<std::int64_t>(blockIdx.x) * rows;  // of the inner channels
  S* const state = static_cast<S*>(a.ssm_state) + (batch * inner + row0) * a.state;
  const T* z = static_cast<const T*>(a.z.data);
  if (z != nullptr) z += batch * a.z.batch_stride + row0;
  T* const out = static_cast<T*>(a.out.data) + batch * a.out.batch_stride + row0;

  struct Rows {
    float s[kInFlight][K][V];
  };
  const auto load_rows = [&](Rows& to, int r0) {
#pragma unroll
    for (int i = 0; i < kInFlight; ++i) {
      const int r = r0 + i * kStep;
#pragma unroll
      for (int k = 0; k < K; ++k) {
        const int n = (l + k * kLanes) * V;
        if (r < rows && n < n_state) {
          ssd_detail::load_vec<S, V>(state + r * n_state + n, to.s[i][k]);
        } else {
#pragma unroll
          for (int v = 0; v < V; ++v) to.s[i][k][v] = 0.0F;
        }
      }
    }
  };

  wait_for_previous_grid();
  let_next_grid_start();
  Rows now, next;
  int r0 = warp * kRowsAtOnce + sub;
  load_rows(now, r0);

  const float raw_dt = to_float(static_cast<const T*>(a.dt.data)[batch * a.dt.batch_stride + head]);
  const float bias = a.dt_bias != nullptr ? a.dt_bias[head] : 0.0F;
  const float decay = a.a[head];
  const float skip = a.d != nullptr ? a.d[head] : 0.0F;
  const auto channel_of = [&](int i) {
    if (i < rows) return row0 + i;
    const int in_b = i - rows;
    if (in_b < n_state) return inner + static_cast<std::int64_t>(group) * n_state + in_b;
    return inner + (a.groups + group) * a.state + (in_b - n_state);
  };
  for (int i = threadIdx.x * 4; i < rows + 2 * n_state; i += kThreads * 4) {
    const std::int64_t channel = channel_of(i);
    const auto value = convolve<T>(a, batch, channels, channel);
#pragma unroll
    for (int j = 0; j < 4; ++j) xbc[i + j] = value.value[j];
    if (i < rows) keep(a, batch, channels, channel, value);
  }
  float* const gate = xbc + rows + 2 * n_state;
  for (int i = threadIdx.x; i < rows; i += kThreads)
    gate[i] = z != nullptr ? silu<true>(to_float(z[i])) : 1.0F;
  const float dt = transform(raw_dt, bias);
  const float em = expm1f(dt * decay);
  __syncthreads();
  if (threadIdx.x == 0) {
    const unsigned all = static_cast<unsigned>(a.heads / a.groups * blocks);
    unsigned* count = arrived + batch * a.groups + group;
    unsigned before = 0;
    asm volatile("atom.add.acq_rel.gpu.global.u32 %0, [%1], 1;"
                 : "=r"(before)
                 : "l"(count)
                 : "memory");
    last_of_group = before == all - 1;
    if (last_of_group) *count = 0;
  }

  float b[K][V], c[K][V];
#pragma unroll
  for (int k = 0; k < K; ++k)
#pragma unroll
    for (int v = 0; v < V; ++v) {
      const int n = (l + k * kLanes) * V + v;
      b[k][v] = n < n_state ? xbc[rows + n] * dt : 0.0F;
      c[k][v] = n < n_state ? xbc[rows + n_state + n] : 0.0F;
    }
  const auto advance = [&](Rows& held, int first) {
#pragma unroll
    for (int i = 0; i < kInFlight; ++i) {
      const int r = first + i * kStep;
      const float x = r < rows ? xbc[r] : 0.0F;
      float y = 0.0F;
#pragma unroll
      for (int k = 0; k < K; ++k) {
        const int n = (l + k * kLanes) * V;
        float(&s)[V] = held.s[i][k];
#pragma unroll
        for (int v = 0; v < V; ++v) {
          s[v] += fmaf(em, s[v], b[k][v] * x);
          y = fmaf(s[v], c[k][v], y);
        }
        if (r < rows && n < n_state) ssd_detail::store_vec<S, V>(state + r * n_state + n, s);
      }
#pragma unroll
      for (int o = kLanes / 2; o > 0; o /= 2) y += __shfl_xor_sync(0xffffffffU, y, o);
      if (l == 0 && r < rows) out[r] = from_float<T>(fmaf(skip, x, y) * gate[r]);
    }
  };
  constexpr int kRound = kStep * kInFlight;
  for (; r0 - sub < rows; r0 += 2 * kRound) {
    load_rows(next, r0 + kRound);
    advance(now, r0);
    load_rows(now, r0 + 2 * kRound);
    advance(next, r0 + kRound);
  }

  __syncthreads();
  if (!last_of_group) return;
  for (int i = rows + threadIdx.x * 4; i < rows + 2 * n_state; i += kThreads * 4) {
    const std::int64_t channel = channel_of(i);
    keep(a, batch, channels, channel, convolve<T>(a, batch, channels, channel));
  }
}

std::size_t counters_bytes(const SsdStepArgs& a) {
  return static_cast<std::size_t>((a.batch * a.groups * 4 + 15) / 16 * 16);
}

template <class T>
bool fits(const SsdStepArgs& a) {
  const auto aligned = [](const void* p, std::size_t bytes) {
    return reinterpret_cast<std::uintptr_t>(p) % bytes == 0;
  };
  constexpr std::size_t four = 4 * sizeof(T);
  return a.width == kTaps && a.head_dim % 4 == 0 && a.state % 4 == 0 && a.head_dim <= 4096 &&
         a.batch <= 65535 && rows_aligned(a.xbc.data, a.xbc.batch_stride, 0, sizeof(T), four) &&
         aligned(a.conv_state, four) && aligned(a.conv_weight, four) &&
         aligned(a.conv_bias, four) && aligned(a.ssm_state, 16);
}

/// Rows of a head per block: all, or fewer where heads alone would not fill the device.
int rows_for(const SsdStepArgs& a) {
  int rows = static_cast<int>(a.head_dim);
  while (rows % 8 == 0 && rows > 16 && a.batch * a.heads * (a.head_dim / rows) < 132 * 4) rows /= 2;
  return rows;
}

template <class T, class S, int kLanes, int K>
void launch(const SsdStepArgs& a, const Launch& where) {
  const int rows = rows_for(a);
  const dim3 grid(static_cast<unsigned>(a.heads * a.head_dim / rows),
                  static_cast<unsigned>(a.batch));
  const ssd_detail::DtTransform transform{a.dt_softplus, a.dt_min, a.dt_max};
  const std::size_t shared = static_cast<std::size_t>(2 * rows + 2 * a.state) * sizeof(float);
  launch_overlapping("ssd_step", ssd_step_kernel<T, S, kLanes, K>, grid, kThreads, shared, where, a,
                     transform, rows, static_cast<unsigned*>(a.workspace));
}

}  // namespace

std::size_t ssd_step_workspace(const SsdStepArgs& args, std::size_t convolved) {
  return counters_bytes(args) + convolved;
}

void ssd_step(const SsdStepArgs& args, const Launch& where) {
  bool done = false;
  dispatch(args.dtype, [&](auto t) {
    dispatch(args.state_dtype, [&](auto s) {
      using T = decltype(t);
      using S = decltype(s);
      constexpr int V = 16 / sizeof(S);
      if (!fits<T>(args) || args.state % V != 0) return;
      done = true;
      const std::int64_t accesses = args.state / V;
      if (accesses <= 8) return launch<T, S, 8, 1>(args, where);
      if (accesses <= 16) return launch<T, S, 16, 1>(args, where);
      if (accesses <= 32) return launch<T, S, 32, 1>(args, where);
      launch<T, S, 32, 2>(args, where);
    });
  });
  if (done) return;
  const SsdStepParts parts =
      ssd_step_parts(args, static_cast<char*>(args.workspace) + counters_bytes(args));
  cuda::causal_conv1d_update(parts.conv, where);
  cuda::ssd_state_update(parts.update, where);
}

}  // namespace ssmprof::kernels::cuda
