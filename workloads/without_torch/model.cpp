#include "reports/error.hpp"
#include "workloads/ceilings.hpp"
#include "workloads/component_errors.hpp"
#include "workloads/execution.hpp"
#include "workloads/kernel_rival.hpp"
#include "workloads/torch/continuation.hpp"
#include "workloads/torch/memory_need.hpp"
#include "workloads/torch/planted_error.hpp"

namespace ssmprof::workloads {
namespace {

[[noreturn]] void refuse() {
  throw reports::EnvironmentError(
      "this ssmprof was built without LibTorch and cannot run models: "
      "configure with -DSSMPROF_TORCH=ON");
}

}  // namespace

std::unique_ptr<Model> make_model(std::shared_ptr<const Checkpoint>, const ExecutionSpec&) {
  refuse();
}

LogitsTable continued_logits(Model&, const TokenBatch&, const std::vector<std::int64_t>&) {
  refuse();
}

std::vector<ComponentError> component_errors(std::shared_ptr<const Checkpoint>,
                                             const ExecutionSpec&, const TokenBatch&) {
  refuse();
}

std::vector<ComponentError> component_errors(std::shared_ptr<const Checkpoint>,
                                             const ExecutionSpec&, const TokenBatch&,
                                             PlantedError) {
  refuse();
}

std::uint64_t state_need(const ModelConfig&, const ExecutionSpec&, std::int64_t) {
  refuse();
}

std::uint64_t activations_need(const ModelConfig&, const ExecutionSpec&, std::int64_t, std::int64_t,
                               Logits) {
  refuse();
}

std::map<std::string, std::string> host_library_versions() {
  return {};
}

std::unique_ptr<kernels::bench::Rival> make_library_rival(const ExecutionSpec&) {
  return nullptr;
}

Ceilings measure_ceilings(const ExecutionSpec&) {
  return {};
}

}  // namespace ssmprof::workloads
