// The inner loops for x86-64 processors with AVX2. Headers with code of their own come before
// the target pragma, so that their functions stay runnable everywhere.
#include "kernels/cpu/convert.hpp"
#include "kernels/cpu/isa.hpp"
#include "kernels/cpu/isa_tables.hpp"
#include "kernels/cpu/scratch.hpp"

#if SSMPROF_CPU_X86
#include <immintrin.h>

#pragma GCC target("avx2,fma,f16c,bmi,bmi2")
#define SSMPROF_ISA avx2
#define SSMPROF_SIMD_BITS 256
#include "kernels/cpu/simd/table.hpp"

namespace ssmprof::kernels::cpu {
const InnerLoops& avx2_loops() {
  static constexpr InnerLoops table = avx2::make_table(Isa::avx2);
  return table;
}
}  // namespace ssmprof::kernels::cpu
#endif
