#include "kernels/rms_norm.hpp"

#include "../catch.hpp"
#include "mamba2_gpu.cuh"

using namespace mamba2_gpu;

namespace {

/// The arguments of the decode step at token t of a problem, on a state of the caller's.
SsdStateUpdateArgs step(const SsdProblem& p, std::int64_t t, void* state, DType state_dtype,
                        void* out) {
  const SsdArgs& a = p.args;
  SsdStateUpdateArgs s;
  s.dtype = a.dtype, s.state_dtype = state_dtype;
  s.batch = a.batch, s.heads = a.heads, s.head_dim = a.head_dim;
  s.groups = a.groups, s.state = a.state;
  const auto at = [&](ConstRows r) {
    if (r) r.data = static_cast<const char*>(r.data) + t * r.row_stride * size_of(a.dtype);
    return r;
  };
  s.x = at(a.x), s.b = at(a.b), s.c = at(a.c), s.dt = at(a.dt), s.z = at(a.z);
  s.a = a.a, s.d = a.d, s.dt_bias = a.dt_bias, s.dt_softplus = a.dt_softplus;
  s.dt_min = a.dt_min, s.dt_max = a.dt_max;
  s.ssm_state = state;
  s.out = {static_cast<char*>(out) + t * a.out.row_stride * size_of(a.dtype), a.out.batch_stride,
           a.out.row_stride};
  return s;
}

}  // namespace

TEST_CASE("CUDA decode steps equal one prefill") {
  if (!has_device()) return;
  SsdCase c;
  c.batch = 3, c.length = 40, c.heads = 4, c.head_dim = GENERATE(5, 64), c.groups = 2;
  c.state = GENERATE(12, 38, 64, 115, 128, 256);
  c.dtype = GENERATE(DType::f32, DType::bf16, DType::f16);
  c.gate = c.initial = true;
  const double tolerance = c.dtype == DType::f32 ? 1e-5 : c.dtype == DType::bf16 ? 2e-3 : 4e-4;
  CAPTURE(c.head_dim, c.state, name_of(c.dtype));
  SsdProblem p(c);
  p.poison();
  cuda_ok(cudaMemcpy(p.final_state().get(), p.args.initial_state, p.final_state().bytes(),
                     cudaMemcpyDeviceToDevice));
  for (std::int64_t t = 0; t < c.length; ++t) {
    ssd_state_update(step(p, t, p.final_state().get(), DType::f32, p.out().get()), p.launch);
  }
  cuda_ok(cudaDeviceSynchronize());
  const auto e = p.compare();
  CHECK(e.out <= tolerance);
  CHECK(e.state <= 1e-5);
}

TEST_CASE("CUDA prefill then decode equals one prefill") {
  if (!has_device()) return;
  SsdCase c;
  c.batch = 2, c.length = 200, c.heads = 6, c.gate = true;
  c.dtype = GENERATE(DType::f32, DType::bf16);
  SsdProblem p(c);
  p.poison();
  SsdArgs head = p.args;
  head.length = 150;
  ssd(head, p.launch);
  for (std::int64_t t = 150; t < 200; ++t) {
    ssd_state_update(step(p, t, p.final_state().get(), DType::f32, p.out().get()), p.launch);
  }
  cuda_ok(cudaDeviceSynchronize());
  const auto e = p.compare();
  CHECK(e.out <= (c.dtype == DType::f32 ? 1e-5 : 2e-3));
  CHECK(e.state <= (c.dtype == DType::f32 ? 1e-5 : 2e-3));
}

TEST_CASE("a CUDA decode step on 16-bit states rounds once") {
  if (!has_device()) return;
  SsdCase c;
  c.batch = 2, c.length = 1, c.heads = 4, c.initial = true;
  c.state = GENERATE(38, 64, 128, 256);
  const DType state_dtype = GENERATE(DType::bf16, DType::f16);
  SsdProblem p(c);
  const std::int64_t n = c.batch * c.heads * c.head_dim * c.state;
  Buffer state = random(state_dtype, n, 77, -1, 1);
  // The recurrence starts from the rounded state.
  std::vector<float> start(n);
  const auto raw = state.host<std::uint16_t>();
  for (std::int64_t i = 0; i < n; ++i) {
    if (state_dtype == DType::bf16) {
      const std::uint32_t w = static_cast<std::uint32_t>(raw[i]) << 16;
      std::memcpy(&start[i], &w, 4);
    } else {
      __half_raw h;
      h.x = raw[i];
      start[i] = __half2float(__half(h));
    }
  }
  cuda_ok(cudaMemcpy(const_cast<float*>(p.args.initial_state), start.data(), n * 4,
                     cudaMemcpyHostToDevice));
  p.poison();
  ssd_state_update(step(p, 0, state.get(), state_dtype, p.out().get()), p.launch);
  cuda_ok(cudaDeviceSynchronize());
  Buffer ref(c.batch * c.heads * c.head_dim * 8), ref_state(n * 8);
  reference_kernel<<<dim3(c.head_dim, c.heads, c.batch), 32>>>(
      p.args, static_cast<double*>(ref.get()), static_cast<double*>(ref_state.get()));
  const std::int64_t row = c.heads * c.head_dim;
  CHECK(relative_error(p.out().get(), c.dtype, row, static_cast<double*>(ref.get()), row,
                       c.batch) <= 2e-3);
  CHECK(relative_error(state.get(), state_dtype, c.state, static_cast<double*>(ref_state.get()),
                       c.state, n / c.state) <= (state_dtype == DType::bf16 ? 2e-3 : 3e-4));
}

namespace {

__global__ void norm_reference(GatedRmsNormArgs a, double* out) {
  const std::int64_t token = blockIdx.x, first = threadIdx.x * a.group_size;
  double sum = 0;
  const auto value = [&](std::int64_t i) {
    const double z = get(a.z.data, a.dtype, token * a.z.row_stride + first + i);
    return get(a.y.data, a.dtype, token * a.y.row_stride + first + i) * z / (1 + exp(-z));
  };
  for (std::int64_t i = 0; i < a.group_size; ++i) sum += value(i) * value(i);
  const double scale = 1 / sqrt(sum / a.group_size + a.eps);
  for (std::int64_t i = 0; i < a.group_size; ++i) {
    out[token * a.channels + first + i] = value(i) * scale * get(a.weight, a.dtype, first + i);
  }
}

void check_gated_norm(DType dtype, std::int64_t tokens, std::int64_t groups, std::int64_t size,
                      std::int64_t pad) {
  const std::int64_t channels = groups * size;
  Buffer y = random(dtype, tokens * (channels + pad), 1, -2, 2);
  Buffer z = random(dtype, tokens * (channels + pad), 2, -5, 5);
  Buffer w = random(dtype, channels, 3, 0.5, 1.5);
  Buffer out(tokens * channels * size_of(dtype)), ref(tokens * channels * 8);
  out.poison();
  GatedRmsNormArgs a;
  a.dtype = dtype, a.tokens = tokens, a.channels = channels, a.group_size = size;
  a.y = {y.get(), 0, channels + pad};
  a.z = {z.get(), 0, channels + pad};
  a.weight = w.get();
  a.out = {out.get(), 0, channels};
  Launch launch;
  launch.device = Device::cuda;
  gated_rms_norm(a, launch);
  norm_reference<<<tokens, groups>>>(a, static_cast<double*>(ref.get()));
  const double tolerance = dtype == DType::f32 ? 1e-5 : dtype == DType::bf16 ? 2e-3 : 3e-4;
  CHECK(relative_error(out.get(), dtype, channels, static_cast<double*>(ref.get()), channels,
                       tokens) <= tolerance);
}

}  // namespace

TEST_CASE("the CUDA gated norm of any group size") {
  if (!has_device()) return;
  const auto [groups, size] = GENERATE(table<std::int64_t, std::int64_t>({{1, 1536},
                                                                          {1, 5120},
                                                                          {8, 640},
                                                                          {2, 2560},
                                                                          {3, 8},
                                                                          {1, 32768},
                                                                          {5, 37},
                                                                          {1, 7777},
                                                                          {24, 64}}));
  const DType dtype = GENERATE(DType::f32, DType::bf16, DType::f16);
  CAPTURE(groups, size, name_of(dtype));
  check_gated_norm(dtype, 67, groups, size, GENERATE(0, 3));
}

TEST_CASE("the CUDA gated norm of many rows") {
  if (!has_device()) return;
  const auto [groups, size] = GENERATE(table<std::int64_t, std::int64_t>(
      {{1, 8}, {3, 72}, {1, 1000}, {1, 1536}, {1, 5120}, {1, 8192}, {1, 8200}, {2, 20}}));
  const DType dtype = GENERATE(DType::f32, DType::bf16);
  CAPTURE(groups, size, name_of(dtype));
  check_gated_norm(dtype, 1031, groups, size, GENERATE(0, 8));
}

TEST_CASE("the CUDA gated norm of more than the L2 holds") {
  if (!has_device()) return;
  check_gated_norm(DType::bf16, 4999, 1, 5120, 0);
  check_gated_norm(DType::bf16, 6553, 2, 2048, 8);
}
