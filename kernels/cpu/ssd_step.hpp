#pragma once

#include "kernels/ssd_step.hpp"

/// The CPU implementation of kernels/ssd_step.hpp: its parts, one after the other.
namespace ssmprof::kernels::cpu {

void ssd_step(const SsdStepArgs& args, int threads);

}  // namespace ssmprof::kernels::cpu
