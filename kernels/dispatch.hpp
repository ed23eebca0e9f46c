#pragma once

#include <stdexcept>
#include <string>

// SSMPROF_CUDA_CALL(kernel, expression) is the expression where CUDA is built, an error elsewhere.
#if defined(SSMPROF_HAS_CUDA)
#define SSMPROF_CUDA_CALL(kernel, expression) return expression
#else
#define SSMPROF_CUDA_CALL(kernel, expression) ::ssmprof::kernels::refuse_cuda(kernel)
#endif

namespace ssmprof::kernels {

[[noreturn]] inline void refuse_cuda(const char* kernel) {
  throw std::runtime_error(std::string(kernel) +
                           ": built without CUDA: run on the CPU or build with SSMPROF_CUDA=ON");
}

}  // namespace ssmprof::kernels
