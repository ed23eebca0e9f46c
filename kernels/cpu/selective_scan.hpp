#pragma once

#include "kernels/selective_scan.hpp"

/// The CPU implementation of kernels/selective_scan.hpp; arguments have been validated.
/// `threads` as in Launch. Results do not depend on the number of threads.
namespace ssmprof::kernels::cpu {

void selective_scan(const SelectiveScanArgs& args, int threads);
void selective_state_update(const SelectiveStateUpdateArgs& args, int threads);

}  // namespace ssmprof::kernels::cpu
