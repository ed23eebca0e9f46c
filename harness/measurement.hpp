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

using Probes = std::vector<std::unique_ptr<probes::Probe>>;

/// Runs the probes one after the other; those that cannot measure leave their metrics missing with
/// the reason, and the rest goes on. Stops early when interrupted.
void run_probes(const Probes& probes, workloads::Execution& execution,
                const probes::ProbeOptions& options, reports::Workload& target);

/// The probes apart by what they do to the process. Tracing and counting leave hooks behind that
/// slow later launches, so all workloads go through one step before any goes through the next:
/// verify and time, activity, counters. Probes that cannot measure here cost nothing and go first;
/// empty steps are left out, but for the first with `keep_first`: its caller takes the time.
std::vector<Probes> in_steps(Probes probes, const workloads::ExecutionSpec& spec,
                             bool keep_first = false);

/// Adds the native, design and paper attributions.
void attribute_all(reports::Workload& workload);

}  // namespace ssmprof::harness
