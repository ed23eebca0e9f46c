#pragma once

#include <memory>
#include <string>
#include <vector>

#include "reports/report.hpp"
#include "workloads/ceilings.hpp"
#include "workloads/execution.hpp"
#include "workloads/pruning/prune.hpp"

namespace ssmprof::harness {

enum class Variant { dense, masked, physical };

constexpr const char* name_of(Variant v) {
  return v == Variant::dense ? "dense" : v == Variant::masked ? "masked" : "physical";
}

/// One variant of a model at one ratio, placed with one backend.
struct PlacedVariant {
  Variant variant = Variant::dense;
  std::shared_ptr<const workloads::Checkpoint> checkpoint;
  std::unique_ptr<workloads::Model> model;
};

/// "magnitude-r0.5", the part of a workload id that says how it was pruned.
std::string study_label(const std::string& score, double ratio);

/// Scores, ratio, requested and effective N' and ties per layer, for Comparison::settings.
nlohmann::json describe_plan(const workloads::PrunePlan& plan, const std::string& score,
                             std::uint64_t seed, const std::string& calibration);

/// What a candidate's logits lost against the dense ones: metrics logit_error and logit_kl.
std::vector<reports::Metric> logit_loss(const workloads::LogitsTable& candidate,
                                        const workloads::LogitsTable& dense);

/// Sets each entry's bound: exact ratios for formulas, and for times the ratio of the floors of
/// the whole step, or of that component, under the ceilings.
void set_bounds(reports::Comparison& comparison, const std::vector<workloads::RangeSpec>& dense,
                const std::vector<workloads::RangeSpec>& candidate,
                const workloads::Ceilings& ceilings);

}  // namespace ssmprof::harness
