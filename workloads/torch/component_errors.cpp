#include "workloads/component_errors.hpp"

#include <algorithm>

#include "workloads/plan.hpp"
#include "workloads/tokens.hpp"
#include "workloads/torch/checked_ops.hpp"
#include "workloads/torch/common.hpp"
#include "workloads/torch/device.hpp"
#include "workloads/torch/language_model.hpp"
#include "workloads/torch/memory_need.hpp"
#include "workloads/torch/planted_error.hpp"

namespace ssmprof::workloads {
namespace {

constexpr std::int64_t kContinued = 67;  // several tokens, and a multiple of no block or chunk
constexpr std::int64_t kSteps = 4;

/// One pass after the other over the first tokens of each row, on states that go along.
class Stages {
 public:
  Stages(const LanguageModel& model, CheckedOps& ops, const at::Tensor& ids)
      : model_(model), ops_(ops), ids_(ids), states_(model.new_states(ids.size(0))) {}

  void run(const std::string& name, std::int64_t begin, std::int64_t length, bool from_state) {
    ExecutionSpec spec = model_.spec();
    spec.batch = ids_.size(0), spec.length = length, spec.logits = Logits::all;
    spec.mode = from_state && length == 1 ? Mode::decode : Mode::prefill;
    const std::vector<RangeSpec> ranges = plan_ranges(model_.config(), spec);
    const RangeIndex index(ranges);
    Pass pass;
    pass.batch = spec.batch, pass.length = length, pass.logits = Logits::all;
    pass.from_state = from_state;
    pass.fused = spec.fusion && spec.backend == Backend::native;
    pass.norm_in_ssd = prefill_norm_fused(model_.config(), spec);
    pass.steps = step_fusion(model_.config(), spec);
    pass.observer = &ops_, pass.ranges = &index;
    ops_.begin_stage(name, ranges);
    model_.forward(ids_.narrow(1, begin, length).reshape({-1}), states_, pass);
  }

 private:
  const LanguageModel& model_;
  CheckedOps& ops_;
  at::Tensor ids_;
  std::vector<LayerState> states_;
};

/// What one operation's reference holds in fp64: a few tensors of the widest rows, or a slice of
/// the head's rows and its matrix.
std::uint64_t reference_need(const ModelConfig& config, std::int64_t tokens) {
  const std::int64_t rows = 12 * tokens * config.d_inner;
  const std::int64_t head =
      config.vocab_size * (config.d_model + 3 * std::min<std::int64_t>(tokens, 1024));
  return 8ULL * static_cast<std::uint64_t>(std::max(rows, head));
}

}  // namespace

std::vector<ComponentError> component_errors(std::shared_ptr<const Checkpoint> checkpoint,
                                             const ExecutionSpec& spec, const TokenBatch& tokens,
                                             PlantedError planted) {
  require_device(spec);
  return guarded("checking the components", [&] {
    const ModelConfig& config = checkpoint->config;
    check_tokens(tokens, config.vocab_size, "tokens");
    const auto batch = static_cast<std::int64_t>(tokens.size());
    const auto length = static_cast<std::int64_t>(tokens.front().size());
    require_memory(spec,
                   weights_need(*checkpoint, spec) + state_need(config, spec, batch) +
                       activations_need(config, spec, batch, length, Logits::all) +
                       reference_need(config, batch * length),
                   "a pass over " + std::to_string(batch) + " x " + std::to_string(length) +
                       " tokens beside fp64");
    const WorkStream stream(spec);
    const WorkStream::Scope scope(stream);
    configure_libraries(spec);
    auto ops = make_ops(spec);
    if (planted != PlantedError::none) ops = make_faulty_ops(std::move(ops), planted);
    auto checking = std::make_unique<CheckedOps>(std::move(ops), spec.backend);
    CheckedOps& checked = *checking;
    const LanguageModel model(checkpoint, spec, std::move(checking));
    at::Tensor ids = at::empty({batch, length}, at::dtype(at::kLong));
    auto* to = ids.data_ptr<std::int64_t>();
    for (const auto& row : tokens) to = std::copy(row.begin(), row.end(), to);

    Stages stages(model, checked, ids.to(device_of(spec)));
    stages.run("prefill", 0, length, false);
    if (length > 1) stages.run("continue", 0, std::min(length, kContinued), true);
    for (std::int64_t step = 0; step < kSteps; ++step) {
      stages.run("decode", step % length, 1, true);
    }
    return checked.errors();
  });
}

std::vector<ComponentError> component_errors(std::shared_ptr<const Checkpoint> checkpoint,
                                             const ExecutionSpec& spec, const TokenBatch& tokens) {
  return component_errors(std::move(checkpoint), spec, tokens, PlantedError::none);
}

}  // namespace ssmprof::workloads
