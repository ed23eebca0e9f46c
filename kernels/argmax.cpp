#include "kernels/argmax.hpp"

#include "kernels/cpu/argmax.hpp"
#include "kernels/cuda/argmax.hpp"
#include "kernels/dispatch.hpp"
#include "kernels/validate.hpp"

namespace ssmprof::kernels {

void argmax(const ArgmaxArgs& args, const Launch& launch) {
  const Validator check("argmax");
  check.positive(args.rows, "rows");
  check.within(args.columns, 1, std::int64_t{1} << 31, "columns");
  check.rows(args.x, 1, args.rows, args.columns, "x");
  check.given(args.out, "out");
  if (launch.device == Device::cpu) return cpu::argmax(args);
  SSMPROF_CUDA_CALL("argmax", cuda::argmax(args, launch));
}

Cost cost_of(const ArgmaxArgs& a) {
  const auto rows = static_cast<std::uint64_t>(a.rows);
  return {0, 0, rows * static_cast<std::uint64_t>(a.columns) * size_of(a.dtype),
          rows * sizeof(std::int64_t)};
}

}  // namespace ssmprof::kernels
