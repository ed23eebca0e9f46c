#include "kernels/cpu/isa.hpp"

#include <atomic>
#include <stdexcept>
#include <string>

#include "kernels/cpu/isa_tables.hpp"

namespace ssmprof::kernels::cpu {
namespace {

Isa best() {
  if (supported(Isa::avx512)) return Isa::avx512;
  return supported(Isa::avx2) ? Isa::avx2 : Isa::baseline;
}

std::atomic<Isa>& chosen() {
  static std::atomic<Isa> isa{best()};
  return isa;
}

}  // namespace

std::string_view name_of(Isa isa) {
  return isa == Isa::avx512 ? "avx512" : isa == Isa::avx2 ? "avx2" : "baseline";
}

bool supported(Isa isa) {
#if SSMPROF_CPU_X86
  __builtin_cpu_init();
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                    __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2") &&
                    __builtin_cpu_supports("f16c");
  if (isa == Isa::avx2) return avx2;
  if (isa == Isa::avx512) {
    return avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq");
  }
#endif
  return isa == Isa::baseline;
}

const InnerLoops& inner_loops(Isa isa) {
  if (!supported(isa)) {
    throw std::runtime_error("this processor or program does not support " +
                             std::string(name_of(isa)));
  }
#if SSMPROF_CPU_X86
  if (isa == Isa::avx2) return avx2_loops();
  if (isa == Isa::avx512) return avx512_loops();
#endif
  return baseline_loops();
}

const InnerLoops& inner_loops() {
  return inner_loops(chosen().load(std::memory_order_relaxed));
}

void use_isa(Isa isa) {
  chosen().store(inner_loops(isa).isa, std::memory_order_relaxed);
}

}  // namespace ssmprof::kernels::cpu
