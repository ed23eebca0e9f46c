#pragma once

#include "kernels/rms_norm.hpp"

/// The CPU implementations of kernels/rms_norm.hpp; arguments have been validated.
/// `threads` as in Launch.
namespace ssmprof::kernels::cpu {

void rms_norm(const RmsNormArgs& args, int threads);
void gated_rms_norm(const GatedRmsNormArgs& args, int threads);

}  // namespace ssmprof::kernels::cpu
