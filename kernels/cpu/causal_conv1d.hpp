#pragma once

#include "kernels/causal_conv1d.hpp"

/// The CPU implementation of kernels/causal_conv1d.hpp; arguments have been validated. A decode
/// step is a run of length 1. `threads` as in Launch.
namespace ssmprof::kernels::cpu {

void causal_conv1d(const CausalConv1dArgs& args, int threads);

}  // namespace ssmprof::kernels::cpu
