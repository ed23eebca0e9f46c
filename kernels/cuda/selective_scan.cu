#include "kernels/cuda/selective_scan.hpp"
#include "kernels/cuda/selective_scan_dispatch.cuh"
#include "kernels/cuda/selective_scan_general.cuh"

namespace ssmprof::kernels::cuda {

std::size_t selective_scan_workspace(const SelectiveScanArgs&) {
  return 0;
}

void selective_scan(const SelectiveScanArgs& args, const Launch& where) {
  auto* const stream = static_cast<cudaStream_t>(where.stream);
  dispatch(args.dtype, [&](auto type) {
    using T = decltype(type);
    if constexpr (!kPrecise<T>)
      if (launch_scan_fast<T>(args, stream)) return;
    launch_scan_general<T>(args, stream);
  });
}

}  // namespace ssmprof::kernels::cuda
