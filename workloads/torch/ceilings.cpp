#include "workloads/ceilings.hpp"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <algorithm>
#include <c10/core/InferenceMode.h>
#include <chrono>
#include <vector>

#if defined(SSMPROF_HAS_CUDA)
#include <c10/cuda/CUDAFunctions.h>
#include <c10/cuda/CUDAGuard.h>
#endif

namespace ssmprof::workloads {
namespace {

at::ScalarType scalar_type(kernels::DType dtype) {
  switch (dtype) {
    case kernels::DType::f16:
      return at::kHalf;
    case kernels::DType::bf16:
      return at::kBFloat16;
    default:
      return at::kFloat;
  }
}

/// Median seconds of one call of `work`, `inner` calls between two synchronizations.
template <typename Work>
double seconds_per_call(bool cuda, int inner, const Work& work) {
  const auto wait = [cuda] {
#if defined(SSMPROF_HAS_CUDA)
    if (cuda) c10::cuda::device_synchronize();
#else
    (void)cuda;
#endif
  };
  std::vector<double> times;
  for (int i = 0; i < 7; ++i) {
    wait();
    const auto start = std::chrono::steady_clock::now();
    for (int k = 0; k < inner; ++k) work();
    wait();
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
    if (i > 1) times.push_back(elapsed.count() / inner);  // the first two warm up
  }
  std::sort(times.begin(), times.end());
  return times[times.size() / 2];
}

}  // namespace

Ceilings measure_ceilings(const ExecutionSpec& spec) {
  const c10::InferenceMode guard;
  const bool cuda = spec.device == kernels::Device::cuda;
  if (!cuda && spec.threads > 0) at::set_num_threads(spec.threads);
  const at::Device device = cuda ? at::Device(at::kCUDA, spec.device_index) : at::Device(at::kCPU);
  const auto options = at::TensorOptions().device(device);

  Ceilings ceilings;
  // Larger than any cache: 2 GiB on a GPU, 128 MiB on the CPU.
  const std::int64_t elements = cuda ? std::int64_t{1} << 29 : std::int64_t{1} << 25;
  const at::Tensor source = at::full({elements}, 1.5F, options.dtype(at::kFloat));
  at::Tensor target = at::empty_like(source);
  const double copy = seconds_per_call(cuda, cuda ? 4 : 1, [&] { target.copy_(source); });
  ceilings.copy_bytes_per_second = 8.0 * static_cast<double>(elements) / copy;

  const double once = 4.0 * static_cast<double>(elements);
  ceilings.write_bytes_per_second =
      once / seconds_per_call(cuda, cuda ? 4 : 1, [&] { target.fill_(0.5F); });
  ceilings.read_bytes_per_second =
      once / seconds_per_call(cuda, cuda ? 4 : 1, [&] { target.sum(); });

  const std::int64_t n = cuda ? 8192 : 768;
  const auto type = options.dtype(scalar_type(spec.dtype));
  const at::Tensor a = at::randn({n, n}, type), b = at::randn({n, n}, type);
  at::Tensor c = at::empty({n, n}, type);
  const double gemm = seconds_per_call(cuda, 4, [&] { at::mm_out(c, a, b); });
  ceilings.gemm_flops_per_second = 2.0 * static_cast<double>(n) * n * n / gemm;
  return ceilings;
}

}  // namespace ssmprof::workloads
