#pragma once

#include <nlohmann/json.hpp>

#include "workloads/execution.hpp"

namespace ssmprof::probes {

/// The fingerprint of this machine and of how the run was set up, SI units:
/// {"cpu": {model, cores, isa}, "memory", "os", "threads",
///  "gpu": null | {name, uuid, multiprocessors, compute_capability, memory, l2, ecc, driver,
///                 clocks: {sm_max, memory_max, sm_now}, power_limit, mig},
///  "cuda": null | {runtime, driver, cupti: {path, version}, nvtx},
///  "libraries": {…}, "flags": {…}}
/// What cannot be read is null. "gpu" describes spec.device_index and is null for a CPU run.
nlohmann::json describe_environment(const workloads::ExecutionSpec& spec);

}  // namespace ssmprof::probes
