#pragma once

#include "kernels/cpu/isa.hpp"

// Function targets by pragma are GCC's; other compilers and processors use the baseline.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define SSMPROF_CPU_X86 1
#else
#define SSMPROF_CPU_X86 0
#endif

namespace ssmprof::kernels::cpu {

const InnerLoops& baseline_loops();
#if SSMPROF_CPU_X86
const InnerLoops& avx2_loops();
const InnerLoops& avx512_loops();
#endif

}  // namespace ssmprof::kernels::cpu
