#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>
#include <stdexcept>
#include <string>
#include <vector>

#include "kernels/ssd.hpp"

/// What the GPU tests of the Mamba-2 kernels share: device memory, counter-based inputs, an fp64
/// recurrence on the device, error norms.
namespace mamba2_gpu {

using namespace ssmprof::kernels;

inline void cuda_ok(cudaError_t e) {
  if (e != cudaSuccess) throw std::runtime_error(cudaGetErrorString(e));
}

inline bool has_device() {
  int n = 0;
  return cudaGetDeviceCount(&n) == cudaSuccess && n > 0;
}

class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(std::size_t bytes) : bytes_(bytes) {
    if (bytes) cuda_ok(cudaMalloc(&data_, bytes));
  }
  Buffer(Buffer&& o) noexcept : data_(o.data_), bytes_(o.bytes_) { o.data_ = nullptr; }
  Buffer& operator=(Buffer&& o) noexcept {
    std::swap(data_, o.data_);
    std::swap(bytes_, o.bytes_);
    return *this;
  }
  ~Buffer() { cudaFree(data_); }
  void* get() const { return data_; }
  float* floats() const { return static_cast<float*>(data_); }
  std::size_t bytes() const { return bytes_; }
  /// NaN in every element type.
  void poison() const {
    if (bytes_) cuda_ok(cudaMemset(data_, 0xff, bytes_));
  }
  template <typename T>
  std::vector<T> host() const {
    std::vector<T> v(bytes_ / sizeof(T));
    cuda_ok(cudaMemcpy(v.data(), data_, v.size() * sizeof(T), cudaMemcpyDeviceToHost));
    return v;
  }

 private:
  void* data_ = nullptr;
  std::size_t bytes_ = 0;
};

__host__ __device__ inline double uniform(std::uint64_t seed, std::uint64_t i) {
  std::uint64_t x = seed * 0x9E3779B97F4A7C15ULL + i + 0x7F4A7C15ULL;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ULL;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBULL;
  x ^= x >> 31;
  return static_cast<double>(x >> 11) * 0x1p-53;
}

__device__ inline double get(const void* p, DType t, std::int64_t i) {
  if (t == DType::f32) return static_cast<const float*>(p)[i];
  if (t == DType::f16) return __half2float(static_cast<const __half*>(p)[i]);
  return __bfloat162float(static_cast<const __nv_bfloat16*>(p)[i]);
}

__device__ inline void put(void* p, DType t, std::int64_t i, double v) {
  if (t == DType::f32) static_cast<float*>(p)[i] = static_cast<float>(v);
  if (t == DType::f16) static_cast<__half*>(p)[i] = __float2half_rn(static_cast<float>(v));
  if (t == DType::bf16) {
    static_cast<__nv_bfloat16*>(p)[i] = __float2bfloat16_rn(static_cast<float>(v));
  }
}

static __global__ void fill_kernel(void* p, DType t, std::int64_t n, std::uint64_t seed, double lo,
                                   double hi) {
  const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * blockDim.x;
  for (std::int64_t i = blockIdx.x * static_cast<std::int64_t>(blockDim.x) + threadIdx.x; i < n;
       i += step) {
    put(p, t, i, lo + (hi - lo) * uniform(seed, i));
  }
}

static __global__ void scale_columns(void* p, DType t, std::int64_t rows, std::int64_t stride,
                                     std::int64_t first, std::int64_t columns, double factor) {
  const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * blockDim.x;
  for (std::int64_t i = blockIdx.x * static_cast<std::int64_t>(blockDim.x) + threadIdx.x;
       i < rows * columns; i += step) {
    const std::int64_t at = i / columns * stride + first + i % columns;
    put(p, t, at, get(p, t, at) * factor);
  }
}

/// Uniform in [lo, hi), a function of (seed, index) only.
inline Buffer random(DType t, std::int64_t n, std::uint64_t seed, double lo, double hi) {
  Buffer b(n * size_of(t));
  fill_kernel<<<1024, 256>>>(b.get(), t, n, seed, lo, hi);
  cuda_ok(cudaGetLastError());
  return b;
}

__device__ inline double softplus64(double v) {
  return v > 40 ? v : log1p(exp(v));
}

/// One warp per (row of the state, head, unit); fp64 throughout. out: [rows, heads·head_dim].
static __global__ void reference_kernel(SsdArgs a, double* out, double* final_state) {
  const int lane = threadIdx.x;
  const std::int64_t p = blockIdx.x, h = blockIdx.y, u = blockIdx.z;
  const std::int64_t group = h * a.groups / a.heads;
  std::int64_t first = 0, length = a.length, batch = u, out_first = u * a.length;
  if (a.sequences.starts) {
    first = out_first = a.sequences.starts[u];
    length = a.sequences.starts[u + 1] - first;
    batch = 0;
  }
  double s[8];
  const std::int64_t at = ((u * a.heads + h) * a.head_dim + p) * a.state;
  for (int k = 0; k < 8; ++k) {
    const int n = lane + 32 * k;
    s[k] = a.initial_state && n < a.state ? a.initial_state[at + n] : 0.0;
  }
  for (std::int64_t t = 0; t < length; ++t) {
    const std::int64_t row = first + t;
    double dt = get(a.dt.data, a.dtype, batch * a.dt.batch_stride + row * a.dt.row_stride + h);
    if (a.dt_bias) dt += a.dt_bias[h];
    if (a.dt_softplus) dt = softplus64(dt);
    dt = fmin(fmax(dt, static_cast<double>(a.dt_min)), static_cast<double>(a.dt_max));
    const double decay = exp(dt * a.a[h]);
    const double x = get(a.x.data, a.dtype,
                         batch * a.x.batch_stride + row * a.x.row_stride + h * a.head_dim + p);
    double y = 0;
    for (int k = 0; k < 8; ++k) {
      const int n = lane + 32 * k;
      if (n >= a.state) break;
      const std::int64_t col = group * a.state + n;
      s[k] = decay * s[k] +
             dt * x * get(a.b.data, a.dtype, batch * a.b.batch_stride + row * a.b.row_stride + col);
      y += s[k] * get(a.c.data, a.dtype, batch * a.c.batch_stride + row * a.c.row_stride + col);
    }
    for (int o = 16; o > 0; o /= 2) y += __shfl_xor_sync(0xffffffffU, y, o);
    if (lane == 0) {
      if (a.d) y += a.d[h] * x;
      if (a.z.data) {
        const double z = get(a.z.data, a.dtype,
                             batch * a.z.batch_stride + row * a.z.row_stride + h * a.head_dim + p);
        y *= z / (1 + exp(-z));
      }
      out[(out_first + t) * a.heads * a.head_dim + h * a.head_dim + p] = y;
    }
  }
  for (int k = 0; k < 8; ++k) {
    const int n = lane + 32 * k;
    if (n < a.state) final_state[at + n] = s[k];
  }
}

/// What ssd() leaves with norm_weight, from its outputs without: they receive the weight. A thread
/// per sum of squares; `parts` of a head.
static __global__ void weigh_kernel(SsdArgs a, std::int64_t parts, double* out, double* squares) {
  const std::int64_t sums = a.batch * a.length * a.heads * parts;
  const std::int64_t i = blockIdx.x * static_cast<std::int64_t>(blockDim.x) + threadIdx.x;
  if (i >= sums) return;
  const std::int64_t row = i / parts, first = i % parts * kSsdPartRows;
  double sum = 0;
  for (std::int64_t p = first; p < a.head_dim && p < first + kSsdPartRows; ++p) {
    double& y = out[row * a.head_dim + p];
    sum += y * y;
    y *= get(a.norm_weight, a.dtype, row % a.heads * a.head_dim + p);
  }
  squares[i] = sum;
}

/// Sums of squares (difference, reference) of one row block; NaN never passes.
static __global__ void error_kernel(const void* v, DType t, std::int64_t row_stride,
                                    const double* ref, std::int64_t columns, std::int64_t rows,
                                    double* sums) {
  double d = 0, r = 0;
  const std::int64_t n = rows * columns;
  const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * blockDim.x;
  for (std::int64_t i = blockIdx.x * static_cast<std::int64_t>(blockDim.x) + threadIdx.x; i < n;
       i += step) {
    const double x = get(v, t, i / columns * row_stride + i % columns);
    d += (x - ref[i]) * (x - ref[i]);
    r += ref[i] * ref[i];
  }
  atomicAdd(sums, d);
  atomicAdd(sums + 1, r);
}

/// ‖v − ref‖ / ‖ref‖.
inline double relative_error(const void* v, DType t, std::int64_t row_stride, const double* ref,
                             std::int64_t columns, std::int64_t rows) {
  Buffer sums(16);
  cuda_ok(cudaMemset(sums.get(), 0, 16));
  error_kernel<<<512, 256>>>(v, t, row_stride, ref, columns, rows,
                             static_cast<double*>(sums.get()));
  cuda_ok(cudaGetLastError());
  const auto h = sums.host<double>();
  return std::sqrt(h[0] / h[1]);
}

/// One SSD call with its inputs laid out as the model lays them out: x, B, C side by side in the
/// convolved rows; z, dt in the projected rows.
struct SsdCase {
  DType dtype = DType::bf16;
  std::int64_t batch = 1, length = 64, heads = 2, head_dim = 64, groups = 1, state = 128;
  bool norm = false;  ///< with the gate
  bool gate = false, skip = true, bias = true, initial = false, softplus = true;
  double a_lo = -16, a_hi = -1, dt_lo = -6, dt_hi = -2;  ///< A, and dt before bias and softplus
  float dt_min = 0.0F, dt_max = INFINITY;
  double bc = 0.6;       ///< B, C within ±bc (the scale of SiLU outputs)
  std::int64_t pad = 0;  ///< extra elements per row, to break alignment
  std::vector<std::int64_t> starts;
  std::uint64_t seed = 1;
};

class SsdProblem {
 public:
  explicit SsdProblem(const SsdCase& c) : shape(c) {
    const std::int64_t di = c.heads * c.head_dim, gn = c.groups * c.state;
    conv_row_ = di + 2 * gn + c.pad;
    proj_row_ = di + c.heads + c.pad;
    const std::int64_t rows = c.batch * c.length;
    conv_ = random(c.dtype, rows * conv_row_, c.seed, -1.7, 1.7);
    scale_columns<<<1024, 256>>>(conv_.get(), c.dtype, rows, conv_row_, di, 2 * gn, c.bc / 1.7);
    cuda_ok(cudaGetLastError());
    proj_ = random(c.dtype, rows * proj_row_, c.seed + 1, c.dt_lo, c.dt_hi);
    a_ = random(DType::f32, c.heads, c.seed + 2, c.a_lo, c.a_hi);
    d_ = random(DType::f32, c.heads, c.seed + 3, 0.5, 1.5);
    bias_ = random(DType::f32, c.heads, c.seed + 4, -0.5, 0.5);
    units_ = c.starts.empty() ? c.batch : static_cast<std::int64_t>(c.starts.size()) - 1;
    const std::int64_t states = units_ * di * c.state;
    initial_ = random(DType::f32, states, c.seed + 5, -1, 1);
    final_ = Buffer(states * 4);
    out_ = Buffer(rows * di * size_of(c.dtype));
    if (!c.starts.empty()) {
      starts_ = Buffer(c.starts.size() * 8);
      cuda_ok(cudaMemcpy(starts_.get(), c.starts.data(), starts_.bytes(), cudaMemcpyHostToDevice));
    }
    const std::size_t e = size_of(c.dtype);
    const auto rows_at = [&](const Buffer& b, std::int64_t offset, std::int64_t row) {
      return ConstRows{static_cast<char*>(b.get()) + offset * e, c.length * row, row};
    };
    args.dtype = c.dtype;
    args.batch = c.batch, args.length = c.length, args.heads = c.heads;
    args.head_dim = c.head_dim, args.groups = c.groups, args.state = c.state;
    args.x = rows_at(conv_, 0, conv_row_);
    args.b = rows_at(conv_, di, conv_row_);
    args.c = rows_at(conv_, di + gn, conv_row_);
    if (c.gate || c.norm) args.z = rows_at(proj_, 0, proj_row_);
    if (c.norm) {
      weight_ = random(c.dtype, di, c.seed + 6, 0.5, 1.5);
      squares_ = Buffer(rows * ssd_parts(c.heads, c.head_dim) * 4);
      args.norm_weight = weight_.get(), args.squares = squares_.floats();
    }
    args.dt = rows_at(proj_, di, proj_row_);
    args.a = a_.floats();
    if (c.skip) args.d = d_.floats();
    if (c.bias) args.dt_bias = bias_.floats();
    args.dt_softplus = c.softplus;
    args.dt_min = c.dt_min, args.dt_max = c.dt_max;
    if (c.initial) args.initial_state = initial_.floats();
    args.final_state = final_.floats();
    args.out = {out_.get(), c.length * di, di};
    args.sequences = {static_cast<const std::int64_t*>(starts_.get()),
                      c.starts.empty() ? 0 : units_};
    launch.device = Device::cuda;
    workspace_ = Buffer(ssd_workspace(args, launch));
    args.workspace = workspace_.get();
  }

  void poison() const {
    out_.poison();
    final_.poison();
    squares_.poison();
    workspace_.poison();
  }
  void run() const { ssd(args, launch); }

  struct Errors {
    double out, state, squares;
  };
  /// Poisons, runs, compares with the fp64 recurrence.
  Errors check() const {
    poison();
    run();
    cuda_ok(cudaDeviceSynchronize());
    return compare();
  }
  Errors compare() const {
    const std::int64_t di = shape.heads * shape.head_dim, rows = shape.batch * shape.length;
    Buffer ref(rows * di * 8), ref_state(units_ * di * shape.state * 8);
    ref.poison();
    reference_kernel<<<dim3(shape.head_dim, shape.heads, units_), 32>>>(
        args, static_cast<double*>(ref.get()), static_cast<double*>(ref_state.get()));
    cuda_ok(cudaGetLastError());
    double squares = 0;
    if (shape.norm) {
      const std::int64_t parts = ssd_parts(shape.heads, shape.head_dim);
      Buffer sums(rows * parts * 8);
      weigh_kernel<<<static_cast<unsigned>((rows * parts + 255) / 256), 256>>>(
          args, parts / shape.heads, static_cast<double*>(ref.get()),
          static_cast<double*>(sums.get()));
      cuda_ok(cudaGetLastError());
      squares = relative_error(squares_.get(), DType::f32, parts, static_cast<double*>(sums.get()),
                               parts, rows);
    }
    return {relative_error(out_.get(), shape.dtype, di, static_cast<double*>(ref.get()), di, rows),
            relative_error(final_.get(), DType::f32, shape.state,
                           static_cast<double*>(ref_state.get()), shape.state, units_ * di),
            squares};
  }
  const Buffer& out() const { return out_; }
  const Buffer& final_state() const { return final_; }
  const Buffer& squares() const { return squares_; }

  SsdCase shape;
  SsdArgs args;
  Launch launch;

 private:
  std::int64_t conv_row_, proj_row_, units_;
  Buffer conv_, proj_, a_, d_, bias_, initial_, final_, out_, starts_, workspace_, weight_,
      squares_;
};

}  // namespace mamba2_gpu
