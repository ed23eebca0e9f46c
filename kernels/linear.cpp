#include "kernels/linear.hpp"

#include "kernels/cpu/linear.hpp"
#include "kernels/cuda/linear.hpp"
#include "kernels/dispatch.hpp"
#include "kernels/validate.hpp"

namespace ssmprof::kernels {

void linear(const LinearArgs& args, const Launch& launch) {
  const Validator check("linear");
  check.within(args.rows, 1, kLinearRows, "rows");
  check.within(args.inputs, 1, 1 << 24, "inputs");
  check.within(args.outputs, 1, 1 << 24, "outputs");
  check.rows(args.x, 1, args.rows, args.inputs, "x");
  check.given(args.weight, "weight");
  check.rows(args.y, 1, args.rows, args.outputs, "y");
  if (launch.device == Device::cpu) return cpu::linear(args, launch.threads);
  SSMPROF_CUDA_CALL("linear", cuda::linear(args, launch));
}

bool linear_pays(const LinearArgs&) {
  return false;  // no shape has been measured beside the library yet
}

Cost cost_of(const LinearArgs& a) {
  const auto m = static_cast<std::uint64_t>(a.rows), n = static_cast<std::uint64_t>(a.outputs);
  Cost cost = gemm_cost(m, n, static_cast<std::uint64_t>(a.inputs), a.dtype, a.dtype);
  if (a.bias != nullptr) {
    cost.flops += m * n;
    cost.bytes_read += n * size_of(a.dtype);
  }
  return cost;
}

}  // namespace ssmprof::kernels
