#pragma once

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>
#include <new>
#include <stdexcept>
#include <string>
#include <utility>

#include "kernels/dtype.hpp"
#include "reports/error.hpp"
#include "workloads/execution.hpp"

namespace ssmprof::workloads {

inline at::ScalarType scalar_type(kernels::DType dtype) {
  switch (dtype) {
    case kernels::DType::f16:
      return at::kHalf;
    case kernels::DType::bf16:
      return at::kBFloat16;
    default:
      return at::kFloat;
  }
}

inline at::Device device_of(const ExecutionSpec& spec) {
  return spec.device == kernels::Device::cuda
             ? at::Device(at::kCUDA, static_cast<c10::DeviceIndex>(spec.device_index))
             : at::Device(at::kCPU);
}

/// Bytes of the elements a tensor shows.
inline std::uint64_t bytes_of(const at::Tensor& tensor) {
  return tensor.defined() ? static_cast<std::uint64_t>(tensor.nbytes()) : 0;
}

/// The first line of a message, without the stack that c10 appends.
std::string first_line(const std::string& message);

/// Runs `work` in inference mode and turns what LibTorch, the kernels and the allocators throw
/// into reports::Error with one line that begins with `doing`.
template <typename Work>
decltype(auto) guarded(const char* doing, Work&& work) {
  const c10::InferenceMode inference;
  const std::string where = doing;
  try {
    return std::forward<Work>(work)();
  } catch (const reports::Error&) {
    throw;
  } catch (const c10::OutOfMemoryError& e) {
    throw reports::EnvironmentError(
        where + ": out of device memory: " + first_line(e.what_without_backtrace()));
  } catch (const std::bad_alloc&) {
    throw reports::EnvironmentError(where + ": out of memory; use a smaller batch or length");
  } catch (const c10::Error& e) {
    throw reports::EnvironmentError(where +
                                    ": LibTorch: " + first_line(e.what_without_backtrace()));
  } catch (const std::invalid_argument& e) {
    throw reports::InputError(where + ": " + first_line(e.what()));
  } catch (const std::runtime_error& e) {
    throw reports::EnvironmentError(where + ": " + first_line(e.what()));
  }
}

}  // namespace ssmprof::workloads
