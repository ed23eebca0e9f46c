#pragma once

#include "kernels/ssd.hpp"

namespace ssmprof::kernels::cuda {

/// The recurrence of ssd.hpp walked token by token, in fp32, for every shape, stride and element
/// type on every supported card. One launch, no workspace, one CTA per (sequence, head, 32 rows
/// of the state). The decay enters as S + S·expm1(Δ·A), so that weak decays keep their digits.
void ssd_recurrent(const SsdArgs& args, void* stream);

}  // namespace ssmprof::kernels::cuda
