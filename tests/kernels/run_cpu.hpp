#pragma once

// What the CPU kernel tests share: a run on every instruction set that this machine has.

#include "kernels/cpu/isa.hpp"
#include "kernels/launch.hpp"

#include "tests/catch.hpp"
#include "tests/kernels/cases.hpp"

namespace ssmprof::kernels::cases {

inline Launch on_cpu(int threads = 1) {
  return {Device::cpu, nullptr, threads};
}

/// Selects an instruction set for its lifetime.
class WithIsa {
 public:
  explicit WithIsa(cpu::Isa isa) : before_(cpu::inner_loops().isa) { cpu::use_isa(isa); }
  ~WithIsa() { cpu::use_isa(before_); }
  WithIsa(const WithIsa&) = delete;
  WithIsa& operator=(const WithIsa&) = delete;

 private:
  cpu::Isa before_;
};

inline std::vector<cpu::Isa> supported_isas() {
  std::vector<cpu::Isa> all;
  for (const auto isa : {cpu::Isa::baseline, cpu::Isa::avx2, cpu::Isa::avx512}) {
    if (cpu::supported(isa)) all.push_back(isa);
  }
  return all;
}

}  // namespace ssmprof::kernels::cases
