#include "kernels/gate.hpp"

#include "kernels/cpu/gate.hpp"
#include "kernels/cuda/gate.hpp"
#include "kernels/dispatch.hpp"
#include "kernels/validate.hpp"

namespace ssmprof::kernels {

void gate(const GateArgs& args, const Launch& launch) {
  const Validator check("gate");
  check.positive(args.batch, "batch");
  check.positive(args.length, "length");
  check.positive(args.channels, "channels");
  check.rows(args.y, args.batch, args.length, args.channels, "y");
  check.rows(args.z, args.batch, args.length, args.channels, "z");
  check.rows(args.out, args.batch, args.length, args.channels, "out");
  if (launch.device == Device::cpu) return cpu::gate(args, launch.threads);
  SSMPROF_CUDA_CALL("gate", cuda::gate(args, launch));
}

Cost cost_of(const GateArgs& a) {
  const auto elements = static_cast<std::uint64_t>(a.batch) * static_cast<std::uint64_t>(a.length) *
                        static_cast<std::uint64_t>(a.channels);
  const std::uint64_t s = size_of(a.dtype);
  return {2 * elements, 2 * elements, 2 * s * elements, s * elements};
}

}  // namespace ssmprof::kernels
