#pragma once

#include "workloads/execution.hpp"

namespace ssmprof::harness {

/// ‖candidate − reference‖ / ‖reference‖ in fp64; infinity when shapes differ or anything is not
/// finite.
double relative_error(const workloads::LogitsTable& candidate,
                      const workloads::LogitsTable& reference);

/// Mean over positions of KL(softmax(reference) ‖ softmax(candidate)), in nats.
double mean_kl(const workloads::LogitsTable& candidate, const workloads::LogitsTable& reference);

/// How far two correct fp32 implementations may differ end to end on models of moderate depth.
inline constexpr double kFp32Tolerance = 1e-4;

/// All values are finite and there is at least one.
bool all_finite(const workloads::LogitsTable& logits);

}  // namespace ssmprof::harness
