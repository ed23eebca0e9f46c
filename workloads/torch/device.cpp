#include "workloads/torch/device.hpp"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <optional>
#include <string>

#include "kernels/cuda_device.hpp"
#include "reports/error.hpp"
#include "workloads/host_memory.hpp"

#if defined(SSMPROF_HAS_CUDA)
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#endif

namespace ssmprof::workloads {

void require_device(const ExecutionSpec& spec) {
  if (spec.device == kernels::Device::cpu) return;
#if defined(SSMPROF_HAS_CUDA)
  const int count = kernels::cuda_device_count();
  if (count == 0) {
    throw reports::EnvironmentError("no CUDA device: " + kernels::why_no_cuda_device() +
                                    "; use --device cpu");
  }
  if (spec.device_index < 0 || spec.device_index >= count) {
    throw reports::EnvironmentError("no CUDA device " + std::to_string(spec.device_index) + ": " +
                                    std::to_string(count) + " are visible, numbered from 0");
  }
  if (!at::globalContext().hasCUDA()) {
    throw reports::EnvironmentError(
        "this LibTorch was built without CUDA: link one with CUDA, or use --device cpu");
  }
  at::globalContext().lazyInitDevice(at::kCUDA);
#else
  throw reports::EnvironmentError(
      "this ssmprof was built without CUDA: configure with -DSSMPROF_CUDA=ON, or use --device cpu");
#endif
}

void configure_libraries(const ExecutionSpec& spec) {
  static const int all_threads = at::get_num_threads();
  const int threads = spec.threads > 0 ? spec.threads : all_threads;
  if (at::get_num_threads() != threads) at::set_num_threads(threads);
  configure_precision();
}

void configure_precision() {
  at::Context& context = at::globalContext();
  context.setAllowTF32CuBLAS(false);
  context.setAllowTF32CuDNN(false);
  context.setAllowFP16ReductionCuBLAS(false);
  context.setAllowBF16ReductionCuBLAS(false);
}

#if defined(SSMPROF_HAS_CUDA)

namespace {
c10::DeviceIndex to_index(int index) {
  return static_cast<c10::DeviceIndex>(index);
}
}  // namespace

void* current_stream(kernels::Device device, int index) {
  if (device == kernels::Device::cpu) return nullptr;
  return c10::cuda::getCurrentCUDAStream(to_index(index)).stream();
}

void wait_for(kernels::Device device, int index) {
  if (device == kernels::Device::cuda) {
    c10::cuda::getCurrentCUDAStream(to_index(index)).synchronize();
  }
}

std::uint64_t available_memory(kernels::Device device, int index) {
  if (device == kernels::Device::cpu) return available_host_memory();
  const c10::cuda::CUDAGuard guard(to_index(index));
  std::size_t free = 0, total = 0;
  C10_CUDA_CHECK(cudaMemGetInfo(&free, &total));
  const auto stats = c10::cuda::CUDACachingAllocator::getDeviceStats(to_index(index));
  constexpr auto kAll = static_cast<std::size_t>(c10::CachingAllocator::StatType::AGGREGATE);
  const auto cached = stats.reserved_bytes[kAll].current - stats.allocated_bytes[kAll].current;
  return free + static_cast<std::uint64_t>(cached > 0 ? cached : 0);
}

struct WorkStream::Impl {
  c10::cuda::CUDAStream stream;
};

struct WorkStream::Scope::Guard {
  c10::cuda::CUDAStreamGuard guard;
};

WorkStream::WorkStream(const ExecutionSpec& spec) {
  if (spec.device == kernels::Device::cuda) {
    impl_ = std::make_unique<Impl>(
        Impl{c10::cuda::getStreamFromPool(/*isHighPriority=*/false, to_index(spec.device_index))});
  }
}

void* WorkStream::native() const {
  return impl_ ? impl_->stream.stream() : nullptr;
}

WorkStream::Scope::Scope(const WorkStream& stream) {
  if (stream.impl_) {
    guard_.reset(new Guard{c10::cuda::CUDAStreamGuard(stream.impl_->stream.unwrap())});
  }
}

#else

void* current_stream(kernels::Device, int) {
  return nullptr;
}
void wait_for(kernels::Device, int) {}
std::uint64_t available_memory(kernels::Device, int) {
  return available_host_memory();
}
struct WorkStream::Impl {};
struct WorkStream::Scope::Guard {};
WorkStream::WorkStream(const ExecutionSpec&) {}
void* WorkStream::native() const {
  return nullptr;
}
WorkStream::Scope::Scope(const WorkStream&) {}

#endif

WorkStream::~WorkStream() = default;
WorkStream::Scope::~Scope() = default;

}  // namespace ssmprof::workloads
