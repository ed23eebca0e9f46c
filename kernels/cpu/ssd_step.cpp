#include "kernels/cpu/ssd_step.hpp"

#include "kernels/cpu/causal_conv1d.hpp"
#include "kernels/cpu/ssd.hpp"

namespace ssmprof::kernels::cpu {

void ssd_step(const SsdStepArgs& args, int threads) {
  const SsdStepParts parts = ssd_step_parts(args, args.workspace);
  causal_conv1d(parts.conv, threads);
  ssd_state_update(parts.update, threads);
}

}  // namespace ssmprof::kernels::cpu
