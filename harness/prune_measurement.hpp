#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "harness/measurement.hpp"
#include "harness/prune_study.hpp"
#include "workloads/tokens.hpp"

namespace ssmprof::harness {

/// Variants of one model at one ratio, placed with one backend; the dense one first.
struct Study {
  workloads::PrunePlan plan;
  std::string label;  ///< study_label()
  std::vector<PlacedVariant> variants;
};

/// What all variants of a study have in one workload.
struct MeasuredStudy {
  workloads::PrunePlan plan;
  std::vector<reports::Workload> workloads;               ///< per variant
  std::vector<std::vector<workloads::RangeSpec>> ranges;  ///< per variant
};

/// The input of a study's executions.
struct StudyInput {
  workloads::TokenBatch tokens;
  std::uint64_t seed = 0;
  std::string tokens_file;  ///< "" for random ones
};

/// Times the variants in turns, then runs the probes that neither trace nor count.
MeasuredStudy time_variants(Study& study, const workloads::ExecutionSpec& spec,
                            const StudyInput& input, const Probes& probes,
                            const probes::ProbeOptions& options);

/// Runs probes of a later step (measurement.hpp) over the same variants, placed again.
void probe_variants(Study& study, const workloads::ExecutionSpec& spec, const StudyInput& input,
                    const Probes& probes, const probes::ProbeOptions& options,
                    MeasuredStudy& measured);

/// Adds how far each variant's logits are from the dense ones'.
void add_losses(MeasuredStudy& measured, const std::vector<workloads::LogitsTable>& logits);

/// Adds the rows and the roofline, when all probes are through.
void complete(MeasuredStudy& measured, const workloads::Ceilings& ceilings);

/// Each variant against the dense one. `settings` go into each comparison.
std::vector<reports::Comparison> compare_variants(const MeasuredStudy& measured,
                                                  const nlohmann::json& settings,
                                                  const workloads::Ceilings& ceilings);

}  // namespace ssmprof::harness
