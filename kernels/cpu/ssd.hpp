#pragma once

#include "kernels/ssd.hpp"

/// The CPU implementation of kernels/ssd.hpp; arguments have been validated.
/// `threads` as in Launch. Results do not depend on the number of threads.
namespace ssmprof::kernels::cpu {

void ssd(const SsdArgs& args, int threads);
std::int64_t ssd_chunk(const SsdArgs& args);
void ssd_state_update(const SsdStateUpdateArgs& args, int threads);

}  // namespace ssmprof::kernels::cpu
