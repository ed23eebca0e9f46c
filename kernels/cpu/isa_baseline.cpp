// The inner loops for the instruction set that the compiler targets by itself.
#include "kernels/cpu/isa_tables.hpp"

#define SSMPROF_ISA baseline
#define SSMPROF_SIMD_BITS 0
#include "kernels/cpu/simd/table.hpp"

namespace ssmprof::kernels::cpu {
const InnerLoops& baseline_loops() {
  static constexpr InnerLoops table = baseline::make_table(Isa::baseline);
  return table;
}
}  // namespace ssmprof::kernels::cpu
