#pragma once

#include "kernels/linear.hpp"

/// The CPU implementation of kernels/linear.hpp, plain: models on the CPU use the library's
/// product. Arguments have been validated.
namespace ssmprof::kernels::cpu {

void linear(const LinearArgs& args, int threads);

}  // namespace ssmprof::kernels::cpu
