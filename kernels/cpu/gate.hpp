#pragma once

#include "kernels/gate.hpp"

/// The CPU implementation of kernels/gate.hpp; arguments have been validated.
namespace ssmprof::kernels::cpu {

void gate(const GateArgs& args, int threads);

}  // namespace ssmprof::kernels::cpu
