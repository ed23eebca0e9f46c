// The inner loops for x86-64 processors with AVX512. Headers with code of their own come before
// the target pragma, so that their functions stay runnable everywhere.
#include "kernels/cpu/convert.hpp"
#include "kernels/cpu/isa.hpp"
#include "kernels/cpu/isa_tables.hpp"
#include "kernels/cpu/scratch.hpp"

#if SSMPROF_CPU_X86
#include <immintrin.h>

// GCC's own intrinsics begin from an undefined register on purpose and warn about it.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"

#pragma GCC target( \
    "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma,f16c,bmi,bmi2,prefer-vector-width=512")
#define SSMPROF_ISA avx512
#define SSMPROF_SIMD_BITS 512
#include "kernels/cpu/simd/table.hpp"

namespace ssmprof::kernels::cpu {
const InnerLoops& avx512_loops() {
  static constexpr InnerLoops table = avx512::make_table(Isa::avx512);
  return table;
}
}  // namespace ssmprof::kernels::cpu
#endif
