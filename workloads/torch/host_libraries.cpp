#include <ATen/Context.h>
#include <ATen/Version.h>
#include <dlfcn.h>
#include <torch/version.h>

#include "workloads/torch/common.hpp"
#include "workloads/torch/device.hpp"

#if defined(SSMPROF_HAS_CUDA)
#include <cuda_runtime_api.h>
#endif

namespace ssmprof::workloads {
namespace {

std::string on_off(bool on) {
  return on ? "on" : "off";
}

/// Newer versions answer with an enumeration whose first value allows reductions in 16 bits.
[[maybe_unused]] bool allows(bool answer) {
  return answer;
}
template <typename Option>
bool allows(Option answer) {
  return static_cast<int>(answer) == 0;
}

#if defined(SSMPROF_HAS_CUDA)
/// Of the cuBLAS that LibTorch brought into the process; "unknown" when its symbol is not visible.
std::string cublas_version() {
  using GetProperty = int (*)(int, int*);
  auto* get = reinterpret_cast<GetProperty>(dlsym(RTLD_DEFAULT, "cublasGetProperty"));
  std::string version;
  for (int part = 0; part < 3; ++part) {  // MAJOR_VERSION, MINOR_VERSION, PATCH_LEVEL
    int value = 0;
    if (get == nullptr || get(part, &value) != 0) return "unknown";
    version += (part == 0 ? "" : ".") + std::to_string(value);
  }
  return version;
}
#endif

}  // namespace

std::map<std::string, std::string> host_library_versions() {
  configure_precision();
  at::Context& context = at::globalContext();
  std::map<std::string, std::string> all;
  all["libtorch"] = TORCH_VERSION;
  all["mkl"] = first_line(at::get_mkl_version());
  all["onednn"] = first_line(at::get_mkldnn_version());
  all["openmp"] = first_line(at::get_openmp_version());
  all["cpu_capability"] = at::get_cpu_capability();
  all["tf32"] = on_off(context.allowTF32CuBLAS() || context.allowTF32CuDNN());
  all["reduced_precision_reductions"] = on_off(allows(context.allowFP16ReductionCuBLAS()) ||
                                               allows(context.allowBF16ReductionCuBLAS()));
#if defined(SSMPROF_HAS_CUDA)
  int runtime = 0;
  if (cudaRuntimeGetVersion(&runtime) == cudaSuccess) {
    all["cuda_runtime"] =
        std::to_string(runtime / 1000) + "." + std::to_string(runtime % 1000 / 10);
  }
  all["cublas"] = cublas_version();
#endif
  return all;
}

}  // namespace ssmprof::workloads
