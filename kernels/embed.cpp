#include "kernels/embed.hpp"

#include <string>

#include "kernels/cpu/embed.hpp"
#include "kernels/cuda/embed.hpp"
#include "kernels/dispatch.hpp"
#include "kernels/validate.hpp"

namespace ssmprof::kernels {

void embed(const EmbedArgs& args, const Launch& launch) {
  const Validator check("embed");
  check.positive(args.rows, "rows");
  check.positive(args.channels, "channels");
  check.require(args.channels % kEmbedPart == 0, "channels",
                "must be a multiple of " + std::to_string(kEmbedPart));
  check.given(args.ids, "ids");
  check.given(args.table, "table");
  check.given(args.norm_weight, "norm_weight");
  check.given(args.residual, "residual");
  check.require(args.residual_dtype == DType::f32 || args.residual_dtype == args.dtype,
                "residual_dtype", "must be fp32 or the table's own");
  check.given(args.next, "next");
  check.given(args.squares, "squares");
  if (launch.device == Device::cpu) return cpu::embed(args);
  SSMPROF_CUDA_CALL("embed", cuda::embed(args, launch));
}

Cost cost_of(const EmbedArgs& a) {
  const auto rows = static_cast<std::uint64_t>(a.rows);
  const auto channels = static_cast<std::uint64_t>(a.channels);
  const std::uint64_t elements = rows * channels, s = size_of(a.dtype);
  return {3 * elements, 0, s * (elements + channels) + rows * sizeof(std::int64_t),
          elements * (size_of(a.residual_dtype) + s) + elements / kEmbedPart * sizeof(float)};
}

}  // namespace ssmprof::kernels
