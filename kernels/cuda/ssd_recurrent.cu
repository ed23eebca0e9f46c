#include "kernels/cuda/ssd_common.cuh"
#include "kernels/cuda/ssd_recurrent.cuh"

namespace ssmprof::kernels::cuda {
namespace {

using namespace ssd_detail;

constexpr int kRowsPerWarp = 4;
constexpr int kTokens = 16;  // staged at a time

struct Params {
  SsdArgs args;
  DtTransform dt;
};

/// Warps of a block: with the norm it has all rows of a sum of squares.
template <bool kNorm>
inline constexpr int kWarpsOf = kNorm ? kSsdPartRows / kRowsPerWarp : 8;

/// K states per lane: lane l owns the states l, l + 32, ...
template <typename T, int K, bool kNorm>
__global__ void __launch_bounds__(kWarpsOf<kNorm> * 32) ssd_recurrent_kernel(const Params prm) {
  constexpr int kWarps = kWarpsOf<kNorm>, kRows = kWarps * kRowsPerWarp;
  __shared__ float sb[kTokens][K * 32];
  __shared__ float sc[kTokens][K * 32];
  __shared__ float sx[kTokens][kRows];
  __shared__ float sy[kTokens][kRows];
  __shared__ float sdt[kTokens];
  __shared__ float sem[kTokens];
  __shared__ float squares[kTokens][2];
  const SsdArgs& a = prm.args;
  const int tid = threadIdx.x, lane = tid % 32, warp = tid / 32;
  const int head = blockIdx.y;
  const std::int64_t unit = blockIdx.z;
  const int p0 = blockIdx.x * kRows;
  const int rows = min(static_cast<int>(a.head_dim) - p0, kRows);
  const int n_state = static_cast<int>(a.state);
  const std::int64_t group = head * a.groups / a.heads;
  std::int64_t first = 0, length = a.length, batch = unit;
  if (a.sequences.starts) {
    first = a.sequences.starts[unit];
    length = a.sequences.starts[unit + 1] - first;
    batch = 0;
  }
  const std::int64_t column = head * a.head_dim + p0;
  const T* x = static_cast<const T*>(a.x.data) + batch * a.x.batch_stride + column;
  const T* b = static_cast<const T*>(a.b.data) + batch * a.b.batch_stride + group * a.state;
  const T* c = static_cast<const T*>(a.c.data) + batch * a.c.batch_stride + group * a.state;
  const T* dt = static_cast<const T*>(a.dt.data) + batch * a.dt.batch_stride + head;
  const T* z = static_cast<const T*>(a.z.data);
  if (z) z += batch * a.z.batch_stride + column;
  const T* weight = static_cast<const T*>(a.norm_weight) + column;
  T* out = static_cast<T*>(a.out.data) + batch * a.out.batch_stride + column;
  const float decay = a.a[head];
  const float skip = a.d ? a.d[head] : 0.0F;
  const float bias = a.dt_bias ? a.dt_bias[head] : 0.0F;

  const std::int64_t state_row = (unit * a.heads + head) * a.head_dim + p0 + warp * kRowsPerWarp;
  float s[kRowsPerWarp][K];
#pragma unroll
  for (int r = 0; r < kRowsPerWarp; ++r) {
#pragma unroll
    for (int k = 0; k < K; ++k) {
      const int n = lane + 32 * k;
      const bool ok = a.initial_state && warp * kRowsPerWarp + r < rows && n < n_state;
      s[r][k] = ok ? a.initial_state[(state_row + r) * a.state + n] : 0.0F;
    }
  }

  for (std::int64_t t0 = 0; t0 < length; t0 += kTokens) {
    const int tokens = static_cast<int>(min(static_cast<std::int64_t>(kTokens), length - t0));
    for (int i = tid; i < tokens * K * 32; i += kWarps * 32) {
      const int t = i / (K * 32), n = i % (K * 32);
      const std::int64_t row = first + t0 + t;
      sb[t][n] = n < n_state ? to_float(b[row * a.b.row_stride + n]) : 0.0F;
      sc[t][n] = n < n_state ? to_float(c[row * a.c.row_stride + n]) : 0.0F;
    }
    for (int i = tid; i < tokens * kRows; i += kWarps * 32) {
      const int t = i / kRows, p = i % kRows;
      sx[t][p] = p < rows ? to_float(x[(first + t0 + t) * a.x.row_stride + p]) : 0.0F;
    }
    if (tid < tokens) {
      const float v = prm.dt(to_float(dt[(first + t0 + tid) * a.dt.row_stride]), bias);
      sdt[tid] = v;
      sem[tid] = expm1f(v * decay);
    }
    __syncthreads();
    for (int t = 0; t < tokens; ++t) {
      const float em = sem[t], d = sdt[t];
      float y[kRowsPerWarp] = {};
#pragma unroll
      for (int r = 0; r < kRowsPerWarp; ++r) {
        const float dx = d * sx[t][warp * kRowsPerWarp + r];
#pragma unroll
        for (int k = 0; k < K; ++k) {
          const float add = fmaf(em, s[r][k], dx * sb[t][lane + 32 * k]);
          s[r][k] += add;
          y[r] = fmaf(s[r][k], sc[t][lane + 32 * k], y[r]);
        }
      }
#pragma unroll
      for (int r = 0; r < kRowsPerWarp; ++r) {
#pragma unroll
        for (int o = 16; o > 0; o /= 2) y[r] += __shfl_xor_sync(0xffffffffU, y[r], o);
        if (lane == r) sy[t][warp * kRowsPerWarp + r] = y[r];
      }
    }
    __syncthreads();
    for (int i = tid; i < tokens * kRows; i += kWarps * 32) {
      const int t = i / kRows, p = i % kRows;
      const std::int64_t row = first + t0 + t;
      float v = 0.0F;
      if (p < rows) {
        v = fmaf(skip, sx[t][p], sy[t][p]);
        if (z) {
          const float g = to_float(z[row * a.z.row_stride + p]);
          v *= g / (1.0F + expf(-g));
        }
        const float factor = kNorm ? to_float(weight[p]) : 1.0F;
        out[row * a.out.row_stride + p] = from_float<T>(v * factor);
      }
      if constexpr (kNorm) {  // a warp has half of a token's rows
        v *= v;
#pragma unroll
        for (int o = 16; o > 0; o /= 2) v += __shfl_xor_sync(0xffffffffU, v, o);
        if (lane == 0) squares[t][p / 32] = v;
      }
    }
    __syncthreads();
    if (kNorm && tid < tokens) {
      const std::int64_t row = batch * a.length + first + t0 + tid;
      a.squares[(row * a.heads + head) * gridDim.x + blockIdx.x] =
          squares[tid][0] + squares[tid][1];
    }
  }
  if (a.final_state) {
#pragma unroll
    for (int r = 0; r < kRowsPerWarp; ++r) {
#pragma unroll
      for (int k = 0; k < K; ++k) {
        const int n = lane + 32 * k;
        if (warp * kRowsPerWarp + r < rows && n < n_state) {
          a.final_state[(state_row + r) * a.state + n] = s[r][k];
        }
      }
    }
  }
}

template <typename T, int K, bool kNorm>
void launch(const SsdArgs& args, cudaStream_t stream) {
  constexpr int kWarps = kWarpsOf<kNorm>, kRows = kWarps * kRowsPerWarp;
  const Params prm{args, {args.dt_softplus, args.dt_min, args.dt_max}};
  const std::int64_t units = args.sequences ? args.sequences.count : args.batch;
  // grid.z holds 65535 units at most: larger batches take several launches.
  for (std::int64_t u = 0; u < units; u += 65535) {
    Params p = prm;
    const std::int64_t n = units - u < 65535 ? units - u : 65535;
    const std::int64_t state = u * args.heads * args.head_dim * args.state;
    if (args.sequences) {
      p.args.sequences.starts = args.sequences.starts + u;
    } else {
      const auto move = [&](ConstRows& r) {
        if (r) r.data = static_cast<const T*>(r.data) + u * r.batch_stride;
      };
      move(p.args.x), move(p.args.b), move(p.args.c), move(p.args.dt), move(p.args.z);
      p.args.out.data = static_cast<T*>(args.out.data) + u * args.out.batch_stride;
      if (kNorm) p.args.squares += u * args.length * ssd_parts(args.heads, args.head_dim);
    }
    if (p.args.initial_state) p.args.initial_state += state;
    if (p.args.final_state) p.args.final_state += state;
    const dim3 grid(static_cast<unsigned>((args.head_dim + kRows - 1) / kRows),
                    static_cast<unsigned>(args.heads), static_cast<unsigned>(n));
    ssd_recurrent_kernel<T, K, kNorm><<<grid, kWarps * 32, 0, stream>>>(p);
    check_launch("ssd_recurrent");
  }
}

}  // namespace

void ssd_recurrent(const SsdArgs& args, void* stream) {
  const auto s = static_cast<cudaStream_t>(stream);
  const auto run = [&]<typename T, bool kNorm>(T) {
    if (args.state <= 32) return launch<T, 1, kNorm>(args, s);
    if (args.state <= 64) return launch<T, 2, kNorm>(args, s);
    if (args.state <= 128) return launch<T, 4, kNorm>(args, s);
    launch<T, 8, kNorm>(args, s);
  };
  for_dtype(args.dtype, [&](auto t) {
    using T = decltype(t);
    if (args.norm_weight) return run.template operator()<T, true>(t);
    run.template operator()<T, false>(t);
  });
}

}  // namespace ssmprof::kernels::cuda
