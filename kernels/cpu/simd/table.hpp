#pragma once

// The inner loops of the instruction set SSMPROF_ISA. Included once by each isa_*.cpp, after the
// target pragma; everything is in an unnamed namespace, so that no code of one instruction set is
// ever called in the place of another's.
#include "kernels/cpu/simd/causal_conv1d.hpp"
#include "kernels/cpu/simd/norms.hpp"
#include "kernels/cpu/simd/selective_scan.hpp"
#include "kernels/cpu/simd/selective_state_update.hpp"
#include "kernels/cpu/simd/ssd.hpp"
#include "kernels/cpu/simd/ssd_state_update.hpp"

namespace ssmprof::kernels::cpu::SSMPROF_ISA {
namespace {

constexpr InnerLoops make_table(Isa isa) {
  return {isa,
          W,
          scan_scratch,
          selective_scan,
          selective_state_update,
          ssd_scratch,
          ssd,
          ssd_state_update,
          conv_scratch,
          causal_conv1d,
          gate,
          rms_norm,
          gated_rms_norm,
          [](const float* x, float* out, std::int64_t n) {
            std::int64_t i = 0;
            for (; i + W <= n; i += W) store(out + i, exp2_any(load(x + i)));
            if (i < n) store_part(out + i, exp2_any(load_part(x + i, n - i)), n - i);
          },
          [](const float* x, float* out, std::int64_t n) {
            std::int64_t i = 0;
            for (; i + W <= n; i += W) store(out + i, softplus(load(x + i)));
            if (i < n) store_part(out + i, softplus(load_part(x + i, n - i)), n - i);
          },
          [](const float* x, float* out, std::int64_t n) {
            std::int64_t i = 0;
            for (; i + W <= n; i += W) store(out + i, silu(load(x + i)));
            if (i < n) store_part(out + i, silu(load_part(x + i, n - i)), n - i);
          },
          load_row,
          store_row};
}

}  // namespace
}  // namespace ssmprof::kernels::cpu::SSMPROF_ISA
