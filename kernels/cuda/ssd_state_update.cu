#include "kernels/cuda/math.cuh"
#include "kernels/cuda/programmatic.cuh"
#include "kernels/cuda/ssd.hpp"
#include "kernels/cuda/ssd_common.cuh"

namespace ssmprof::kernels::cuda {
namespace {

using ssd_detail::aligned16;
using ssd_detail::DtTransform;
using ssd_detail::load_vec;
using ssd_detail::store_vec;

constexpr int kWarps = 4, kFewInFlight = 2;

/// One CTA per (stretch of n_rows rows of a head, sequence). A row of the state is read by kLanes
/// lanes, K accesses of V elements each; a lane group keeps kInFlight rows in registers: few when
/// there are CTAs enough to keep memory busy; a state that large will have left the L2 before the
/// next token, which should then keep what others need.
template <typename T, typename S, int V, int kLanes, int K, int kInFlight>
__global__ void __launch_bounds__(kWarps * 32)
    ssd_state_update_kernel(const SsdStateUpdateArgs a, const DtTransform transform,
                            const int n_rows) {
  constexpr int kRowsAtOnce = 32 / kLanes;
  constexpr bool kOnce = kInFlight == kFewInFlight;
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  const int sub = lane / kLanes, l = lane % kLanes;
  const int blocks = static_cast<int>(a.head_dim) / n_rows;  // per head
  const int head = blockIdx.x / blocks;
  const std::int64_t row0 = static_cast<std::int64_t>(blockIdx.x) * n_rows;
  const std::int64_t batch = blockIdx.y;
  const std::int64_t group = head * a.groups / a.heads;
  const T* x = static_cast<const T*>(a.x.data) + batch * a.x.batch_stride + row0;
  const T* bp = static_cast<const T*>(a.b.data) + batch * a.b.batch_stride + group * a.state;
  const T* cp = static_cast<const T*>(a.c.data) + batch * a.c.batch_stride + group * a.state;
  const T* z = static_cast<const T*>(a.z.data);
  if (z) z += batch * a.z.batch_stride + row0;
  T* out = static_cast<T*>(a.out.data) + batch * a.out.batch_stride + row0;
  S* state = static_cast<S*>(a.ssm_state) + (batch * a.heads * a.head_dim + row0) * a.state;
  const int n_state = static_cast<int>(a.state);

  constexpr int kStep = kWarps * kRowsAtOnce;
  float s[kInFlight][K][V];
  int r0 = warp * kRowsAtOnce + sub;
  const auto load_rows = [&] {
#pragma unroll
    for (int i = 0; i < kInFlight; ++i) {
      const int r = r0 + i * kStep;
#pragma unroll
      for (int k = 0; k < K; ++k) {
        const int n = (l + k * kLanes) * V;
        if (r < n_rows && n < n_state) {
          load_vec<S, V, kOnce>(state + static_cast<std::int64_t>(r) * n_state + n, s[i][k]);
        } else {
#pragma unroll
          for (int v = 0; v < V; ++v) s[i][k][v] = 0.0F;
        }
      }
    }
  };
  if (a.state_settled) load_rows();
  const T* weight = static_cast<const T*>(a.norm_weight);
  if (weight) {
    weight += row0;
    if (threadIdx.x < n_rows && threadIdx.x % 16 == 0)
      asm volatile("prefetch.global.L2 [%0];" ::"l"(weight + threadIdx.x));
  }
  const float dt_bias = a.dt_bias ? a.dt_bias[head] : 0.0F, decay = a.a[head];
  const float skip = a.d ? a.d[head] : 0.0F;
  wait_for_previous_grid();
  let_next_grid_start();
  if (!a.state_settled) load_rows();
  const float dt = transform(
      to_float(static_cast<const T*>(a.dt.data)[batch * a.dt.batch_stride + head]), dt_bias);
  const float em = expm1f(dt * decay);
  float b[K][V], c[K][V];
#pragma unroll
  for (int k = 0; k < K; ++k) {
#pragma unroll
    for (int v = 0; v < V; ++v) {
      const int n = (l + k * kLanes) * V + v;
      b[k][v] = n < n_state ? to_float(bp[n]) * dt : 0.0F;
      c[k][v] = n < n_state ? to_float(cp[n]) : 0.0F;
    }
  }
  float squares = 0.0F;
  while (r0 - sub < n_rows) {
    float xv[kInFlight], gate[kInFlight], scale[kInFlight];
#pragma unroll
    for (int i = 0; i < kInFlight; ++i) {
      const int r = min(r0 + i * kStep, n_rows - 1);
      xv[i] = to_float(x[r]);
      gate[i] = z ? to_float(z[r]) : 0.0F;
      scale[i] = weight ? to_float(weight[r]) : 1.0F;
    }
#pragma unroll
    for (int i = 0; i < kInFlight; ++i) {
      const int r = r0 + i * kStep;
      float y = 0.0F;
#pragma unroll
      for (int k = 0; k < K; ++k) {
        const int n = (l + k * kLanes) * V;
#pragma unroll
        for (int v = 0; v < V; ++v) {
          s[i][k][v] += fmaf(em, s[i][k][v], b[k][v] * xv[i]);
          y = fmaf(s[i][k][v], c[k][v], y);
        }
        if (r < n_rows && n < n_state) {
          store_vec<S, V, kOnce>(state + static_cast<std::int64_t>(r) * n_state + n, s[i][k]);
        }
      }
#pragma unroll
      for (int o = kLanes / 2; o > 0; o /= 2) y += __shfl_xor_sync(0xffffffffU, y, o);
      if (l == 0 && r < n_rows) {
        y = fmaf(skip, xv[i], y);
        if (z) y *= silu<true>(gate[i]);
        squares = fmaf(y, y, squares);
        out[r] = from_float<T>(y * scale[i]);
      }
    }
    r0 += kStep * kInFlight;
    if (r0 - sub < n_rows) load_rows();
  }
  if (!weight) return;
  __shared__ float partial[kWarps];
  squares = warp_sum(squares);
  if (lane == 0) partial[warp] = squares;
  __syncthreads();
  if (threadIdx.x == 0) {
    float total = 0.0F;
    for (int w = 0; w < kWarps; ++w) total += partial[w];
    a.squares[batch * gridDim.x + blockIdx.x] = total;
  }
}

template <typename T, typename S, int V, int kLanes, int K>
void launch(const SsdStateUpdateArgs& args, const Launch& where) {
  for (std::int64_t u = 0; u < args.batch; u += 65535) {
    SsdStateUpdateArgs p = args;
    p.batch = args.batch - u < 65535 ? args.batch - u : 65535;
    const auto move = [&](ConstRows& r) {
      if (r) r.data = static_cast<const T*>(r.data) + u * r.batch_stride;
    };
    move(p.x), move(p.b), move(p.c), move(p.dt), move(p.z);
    p.out.data = static_cast<T*>(args.out.data) + u * args.out.batch_stride;
    p.ssm_state = static_cast<S*>(args.ssm_state) + u * args.heads * args.head_dim * args.state;
    const auto rows = static_cast<int>(ssd_step_rows(args.batch, args.heads, args.head_dim));
    if (args.squares != nullptr) p.squares = args.squares + u * args.heads * (args.head_dim / rows);
    const dim3 grid(static_cast<unsigned>(args.heads * args.head_dim / rows),
                    static_cast<unsigned>(p.batch));
    const DtTransform transform{args.dt_softplus, args.dt_min, args.dt_max};
    if (args.heads * p.batch >= 4096) {
      launch_overlapping("ssd_state_update",
                         ssd_state_update_kernel<T, S, V, kLanes, K, kFewInFlight>, grid,
                         kWarps * 32, 0, where, p, transform, rows);
    } else {
      launch_overlapping("ssd_state_update", ssd_state_update_kernel<T, S, V, kLanes, K, 4>, grid,
                         kWarps * 32, 0, where, p, transform, rows);
    }
  }
}

template <typename T, typename S>
void choose(const SsdStateUpdateArgs& args, const Launch& where) {
  constexpr int V = 16 / sizeof(S);
  const std::int64_t n = args.state;
  if (n % V == 0 && aligned16(args.ssm_state)) {
    if (n / V <= 8) return launch<T, S, V, 8, 1>(args, where);
    if (n / V <= 16) return launch<T, S, V, 16, 1>(args, where);
    if (n / V <= 32) return launch<T, S, V, 32, 1>(args, where);
    return launch<T, S, V, 32, 2>(args, where);
  }
  if (n <= 64) return launch<T, S, 1, 32, 2>(args, where);
  if (n <= 128) return launch<T, S, 1, 32, 4>(args, where);
  launch<T, S, 1, 32, 8>(args, where);
}

}  // namespace

void ssd_state_update(const SsdStateUpdateArgs& args, const Launch& where) {
  dispatch(args.dtype, [&](auto t) {
    dispatch(args.state_dtype, [&](auto s) { choose<decltype(t), decltype(s)>(args, where); });
  });
}

}  // namespace ssmprof::kernels::cuda
