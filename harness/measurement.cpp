#include "harness/measurement.hpp"

#include <algorithm>

#include "harness/annotated_execution.hpp"
#include "harness/interrupt.hpp"
#include "probes/lap.hpp"
#include "reports/attribution.hpp"
#include "reports/units.hpp"
#include "workloads/attributions.hpp"
#include "workloads/hash.hpp"
#include "workloads/plan.hpp"

namespace ssmprof::harness {
namespace {

std::string device_name(const workloads::ExecutionSpec& spec) {
  if (spec.device == kernels::Device::cpu) return "cpu";
  return "cuda:" + std::to_string(spec.device_index);
}

nlohmann::json settings_of(const workloads::Checkpoint& checkpoint,
                           const workloads::ExecutionSpec& spec, std::uint64_t seed,
                           const std::string& tokens, const std::string& tokens_hash,
                           const std::string& variant) {
  const auto& config = checkpoint.config;
  nlohmann::json settings{
      {"model", config.name},
      {"family", config.family == workloads::Family::mamba1 ? "mamba" : "mamba2"},
      {"mode", name_of(spec.mode)},
      {"batch", spec.batch},
      {"seqlen", spec.length},
      {"dtype", name_of(spec.dtype)},
      {"state_dtype", name_of(spec.state_dtype)},
      {"backend", name_of(spec.backend)},
      {"device", device_name(spec)},
      {"fusion", spec.fusion ? "on" : "off"},
      {"logits", name_of(spec.logits)},
      {"threads", spec.threads},
      {"seed", seed},
      {"tokens", tokens.empty() ? "random" : tokens},
      {"tokens_hash", tokens_hash},
      {"variant", variant},
      {"d_state", config.d_state},
      {"weights_hash", checkpoint.weights_hash},
      {"config_hash", checkpoint.config_hash}};
  if (const auto chunk = workloads::executed_ssd_chunk(config, spec, 0); chunk > 0)
    settings["ssd_chunk"] = chunk;
  return settings;
}

/// All probes of a workload in one diagnostic, in the order in which they ran.
void note_duration(reports::Workload& target, std::string_view probe, double seconds) {
  constexpr std::string_view kRule = "probe.durations";
  const std::string entry = std::string(probe) + " " + reports::human(seconds, "s", false);
  const auto found = std::find_if(target.diagnostics.begin(), target.diagnostics.end(),
                                  [&](const auto& d) { return d.rule == kRule; });
  if (found != target.diagnostics.end()) {
    found->message += ", " + entry;
  } else {
    target.diagnostics.push_back(
        {std::string(kRule), reports::Diagnostic::Level::info, "measuring took: " + entry, ""});
  }
}

}  // namespace

std::string hash_of(const workloads::TokenBatch& tokens) {
  std::uint64_t hash = 0;
  for (const auto& row : tokens) {
    hash = workloads::hash_bytes(row.data(), row.size() * sizeof row[0], hash + row.size());
  }
  return workloads::hex(hash);
}

std::string workload_id(const workloads::Checkpoint& checkpoint,
                        const workloads::ExecutionSpec& spec, const std::string& variant) {
  std::string id = checkpoint.config.name + "/" + name_of(spec.mode) + "/b" +
                   std::to_string(spec.batch) + "/l" + std::to_string(spec.length) + "/" +
                   std::string(name_of(spec.dtype)) + "/" + name_of(spec.backend);
  if (spec.fusion) id += "/fused";
  if (spec.state_dtype != kernels::DType::f32)
    id += "/state-" + std::string(name_of(spec.state_dtype));
  if (spec.logits == workloads::Logits::all) id += "/all-logits";
  if (!variant.empty()) id += "/" + variant;
  return id;
}

reports::Workload lay_out(const workloads::Checkpoint& checkpoint,
                          const workloads::Execution& execution, std::uint64_t seed,
                          const std::string& tokens, const std::string& tokens_hash,
                          const std::string& variant) {
  reports::Workload workload;
  workload.id = workload_id(checkpoint, execution.spec(), variant);
  workload.settings = settings_of(checkpoint, execution.spec(), seed, tokens, tokens_hash,
                                  variant.empty() ? "dense" : variant);
  for (const auto& spec : execution.ranges()) {
    reports::Range range;
    range.id = spec.id;
    range.parent = spec.parent;
    if (spec.leaf) range.component = name_of(spec.component);
    range.layer = spec.layer;
    for (auto part : spec.includes) range.includes.emplace_back(name_of(part));
    range.shape = spec.shape;
    workload.ranges.push_back(std::move(range));
  }
  return workload;
}

std::vector<Probes> in_steps(Probes probes, const workloads::ExecutionSpec& spec, bool keep_first) {
  std::vector<Probes> steps(3);
  for (auto& probe : probes) {
    const auto phase = probe->phase();
    const bool measures = probe->available(spec).ok;
    const int step = !measures                          ? 0
                     : phase == probes::Phase::counters ? 2
                     : phase == probes::Phase::activity ? 1
                                                        : 0;
    steps[step].push_back(std::move(probe));
  }
  const auto empty = std::remove_if(steps.begin() + (keep_first ? 1 : 0), steps.end(),
                                    [](const Probes& step) { return step.empty(); });
  steps.erase(empty, steps.end());
  return steps;
}

void run_probes(const Probes& probes, workloads::Execution& execution,
                const probes::ProbeOptions& options, reports::Workload& target) {
  std::vector<workloads::RangeObserver*> ambient;
  std::vector<probes::Availability> availabilities;
  for (const auto& probe : probes) {
    availabilities.push_back(probe->available(execution.spec()));
    if (!availabilities.back().ok) continue;
    if (auto* observer = probe->ambient(execution.ranges())) ambient.push_back(observer);
  }
  AnnotatedExecution annotated(execution, std::move(ambient));
  for (std::size_t i = 0; i < probes.size(); ++i) {
    const auto& probe = probes[i];
    const auto& availability = availabilities[i];
    if (interrupted()) return;
    if (availability.ok) {
      probes::Lap lap;
      probe->measure(annotated, options, target);
      note_duration(target, probe->name(), lap());
    } else {
      probe->missing_metrics(availability, target);
      target.diagnostics.push_back({"probe.unavailable", reports::Diagnostic::Level::info,
                                    std::string(probe->name()) + ": " + availability.reason,
                                    availability.hint});
    }
  }
}

void attribute_all(reports::Workload& workload) {
  for (const auto& spec : workloads::attributions()) {
    workload.attributions.push_back(reports::attribute(workload, spec));
  }
}

}  // namespace ssmprof::harness
