#include "kernels/cpu/gate.hpp"

#include "kernels/cpu/row_tasks.hpp"

namespace ssmprof::kernels::cpu {

void gate(const GateArgs& args, int threads) {
  run_rows(inner_loops().gate, args, args.batch * args.length, args.channels, 2, threads);
}

}  // namespace ssmprof::kernels::cpu
