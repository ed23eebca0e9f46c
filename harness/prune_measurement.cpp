#include "harness/prune_measurement.hpp"

#include <memory>
#include <utility>

#include "harness/interrupt.hpp"
#include "harness/roofline.hpp"
#include "probes/interleaved.hpp"
#include "reports/comparison.hpp"

namespace ssmprof::harness {

MeasuredStudy time_variants(Study& study, const workloads::ExecutionSpec& spec,
                            const StudyInput& input, const Probes& probes,
                            const probes::ProbeOptions& options) {
  MeasuredStudy measured{study.plan, {}, {}};
  std::vector<std::unique_ptr<workloads::Execution>> executions;
  for (auto& placed : study.variants) {
    executions.push_back(placed.model->prepare(spec, input.tokens, input.seed));
    measured.workloads.push_back(lay_out(*placed.checkpoint, *executions.back(), input.seed,
                                         input.tokens_file, hash_of(input.tokens),
                                         study.label + "/" + name_of(placed.variant)));
    measured.ranges.push_back(executions.back()->ranges());
  }
  std::vector<workloads::Execution*> runs;
  std::vector<reports::Workload*> targets;
  for (std::size_t i = 0; i < executions.size(); ++i) {
    runs.push_back(executions[i].get());
    targets.push_back(&measured.workloads[i]);
  }
  probes::measure_interleaved(runs, options, targets);
  for (std::size_t i = 0; i < executions.size(); ++i) {
    run_probes(probes, *executions[i], options, measured.workloads[i]);
  }
  return measured;
}

void probe_variants(Study& study, const workloads::ExecutionSpec& spec, const StudyInput& input,
                    const Probes& probes, const probes::ProbeOptions& options,
                    MeasuredStudy& measured) {
  for (std::size_t i = 0; i < study.variants.size() && !interrupted(); ++i) {
    const auto execution = study.variants[i].model->prepare(spec, input.tokens, input.seed);
    run_probes(probes, *execution, options, measured.workloads.at(i));
  }
}

void add_losses(MeasuredStudy& measured, const std::vector<workloads::LogitsTable>& logits) {
  for (std::size_t i = 0; i < measured.workloads.size(); ++i) {
    for (auto& metric : logit_loss(logits.at(i), logits.at(0))) {
      measured.workloads[i].metrics.push_back(std::move(metric));
    }
  }
}

void complete(MeasuredStudy& measured, const workloads::Ceilings& ceilings) {
  for (std::size_t i = 0; i < measured.workloads.size(); ++i) {
    auto& workload = measured.workloads[i];
    attribute_all(workload);
    workload.roofline = roofline(workload, measured.ranges.at(i), ceilings);
  }
}

std::vector<reports::Comparison> compare_variants(const MeasuredStudy& measured,
                                                  const nlohmann::json& settings,
                                                  const workloads::Ceilings& ceilings) {
  std::vector<reports::Comparison> comparisons;
  const auto& dense = measured.workloads.at(0);
  for (std::size_t i = 1; i < measured.workloads.size(); ++i) {
    auto comparison =
        reports::compare_workloads(dense, measured.workloads[i], reports::default_policy(), true);
    comparison.name = measured.workloads[i].id + " vs dense";
    comparison.settings.update(settings);
    set_bounds(comparison, measured.ranges.at(0), measured.ranges.at(i), ceilings);
    comparisons.push_back(std::move(comparison));
  }
  return comparisons;
}

}  // namespace ssmprof::harness
