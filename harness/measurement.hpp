#pragma once

#include <memory>
#include <string>
#include <vector>

#include "probes/probe.hpp"
#include "reports/report.hpp"
#include "workloads/execution.hpp"

namespace ssmprof::harness {

/// The stable id of a workload: "mamba2-130m/prefill/b8/l2048/bf16/native", with "/fused",
/// "/state-bf16" and "/all-logits" where they differ from the default, and `/variant`.
std::string workload_id(const workloads::Checkpoint& checkpoint,
                        const workloads::ExecutionSpec& spec, const std::string& variant);

/// A fingerprint of token ids, the same on every machine.
std::string hash_of(const workloads::TokenBatch& tokens);

/// A workload with settings and ranges laid out, index for index as `execution.ranges()`, and no
/// metric yet.
reports::Workload lay_out(const workloads::Checkpoint& checkpoint,
                          const workloads::Execution& execution, std::uint64_t seed,
                          const std::string& tokens, const std::string& tokens_hash,
                          const std::string& variant);

/// Runs the probes one after the other, phase by phase; those that cannot measure leave their
/// metrics missing with the reason, and the rest goes on. Stops early when interrupted.
/// Without `with_time` the time probe is left out: the caller has timed already.
void run_probes(const std::vector<std::unique_ptr<probes::Probe>>& probes,
                workloads::Execution& execution, const probes::ProbeOptions& options,
                reports::Workload& target, bool with_time = true);

/// Adds the native, design and paper attributions.
void attribute_all(reports::Workload& workload);

}  // namespace ssmprof::harness
