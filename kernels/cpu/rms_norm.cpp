#include "kernels/cpu/rms_norm.hpp"

#include "kernels/cpu/row_tasks.hpp"

namespace ssmprof::kernels::cpu {

void rms_norm(const RmsNormArgs& args, int threads) {
  run_rows(inner_loops().rms_norm, args, args.tokens, args.channels, 3, threads);
}

void gated_rms_norm(const GatedRmsNormArgs& args, int threads) {
  run_rows(inner_loops().gated_rms_norm, args, args.tokens, args.channels, 3, threads);
}

}  // namespace ssmprof::kernels::cpu
