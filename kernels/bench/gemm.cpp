#include "kernels/bench/gemm.hpp"

#ifdef SSMPROF_HAS_CUDA
#include <algorithm>
#include <dlfcn.h>
#include <vector>

#include "kernels/bench/array.hpp"
#include "kernels/bench/device.hpp"

namespace ssmprof::kernels::bench {
namespace {

/// The few functions of cuBLAS that are needed, found at run time so that nothing links it.
class Blas {
 public:
  Blas() {
    for (const char* name : {"libcublas.so.13", "libcublas.so.12", "libcublas.so"}) {
      library_ = dlopen(name, RTLD_NOW | RTLD_LOCAL);
      if (library_ != nullptr) break;
    }
    if (library_ == nullptr) return;
    const auto create = find<int (*)(void**)>("cublasCreate_v2");
    set_stream_ = find<int (*)(void*, void*)>("cublasSetStream_v2");
    gemm_ = find<Gemm>("cublasGemmEx");
    destroy_ = find<int (*)(void*)>("cublasDestroy_v2");
    if (create == nullptr || set_stream_ == nullptr || gemm_ == nullptr || create(&handle_) != 0)
      handle_ = nullptr;
  }
  Blas(const Blas&) = delete;
  Blas& operator=(const Blas&) = delete;
  ~Blas() {
    if (handle_ != nullptr && destroy_ != nullptr) destroy_(handle_);
  }

  bool ready(void* stream) const { return handle_ != nullptr && set_stream_(handle_, stream) == 0; }
  /// c = a · b, all n × n in bf16, accumulated in fp32.
  bool multiply(int n, const void* a, const void* b, void* c) const {
    constexpr int kNoTranspose = 0, kBf16 = 14, kComputeFp32 = 68, kDefault = -1;
    const float one = 1, zero = 0;
    return gemm_(handle_, kNoTranspose, kNoTranspose, n, n, n, &one, a, kBf16, n, b, kBf16, n,
                 &zero, c, kBf16, n, kComputeFp32, kDefault) == 0;
  }

 private:
  using Gemm = int (*)(void*, int, int, int, int, int, const void*, const void*, int, int,
                       const void*, int, int, const void*, void*, int, int, int, int);
  template <class Function>
  Function find(const char* name) const {
    return reinterpret_cast<Function>(dlsym(library_, name));
  }

  void *library_ = nullptr, *handle_ = nullptr;  // the library stays loaded
  int (*set_stream_)(void*, void*) = nullptr;
  int (*destroy_)(void*) = nullptr;
  Gemm gemm_ = nullptr;
};

}  // namespace

double measure_gemm() {
  constexpr int n = 8192, kInner = 4;
  Stopwatch watch;
  const Blas blas;
  if (!blas.ready(watch.stream())) return 0;
  constexpr auto count = static_cast<std::int64_t>(n) * n;
  Array a(Device::cuda, DType::bf16, count), b(Device::cuda, DType::bf16, count);
  const Array c(Device::cuda, DType::bf16, count);
  a.fill(1, -1.0F, 1.0F);
  b.fill(2, -1.0F, 1.0F);
  bool good = true;
  auto seconds = watch.time(5, [&] {
    for (int i = 0; i < kInner; ++i) good = blas.multiply(n, a.data(), b.data(), c.data()) && good;
  });
  if (!good) return 0;
  std::sort(seconds.begin(), seconds.end());
  return 2.0 * n * n * n * kInner / seconds[seconds.size() / 2];
}

}  // namespace ssmprof::kernels::bench
#endif
