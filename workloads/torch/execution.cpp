#include <algorithm>
#include <cstring>

#include "workloads/plan.hpp"
#include "workloads/tokens.hpp"
#include "workloads/torch/common.hpp"
#include "workloads/torch/continuation.hpp"
#include "workloads/torch/device.hpp"
#include "workloads/torch/language_model.hpp"
#include "workloads/torch/memory_books.hpp"
#include "workloads/torch/memory_need.hpp"
#include "workloads/torch/run_graph.hpp"

namespace ssmprof::workloads {
namespace {

at::Tensor place_ids(const TokenBatch& tokens, const at::Device& device) {
  const auto batch = static_cast<std::int64_t>(tokens.size());
  const auto length = static_cast<std::int64_t>(tokens.front().size());
  const at::Tensor ids = at::empty({batch, length}, at::dtype(at::kLong));
  auto* to = ids.data_ptr<std::int64_t>();
  for (const auto& row : tokens) to = std::copy(row.begin(), row.end(), to);
  return ids.to(device);
}

/// A model on its device with the stream that all its work goes to.
struct Hosted {
  Hosted(std::shared_ptr<const Checkpoint> checkpoint, const ExecutionSpec& spec)
      : stream(spec), scope(std::make_unique<WorkStream::Scope>(stream)), model(checkpoint, spec) {
    wait_for(spec.device, spec.device_index);
    scope.reset();
  }
  WorkStream stream;
  std::unique_ptr<WorkStream::Scope> scope;  ///< only while placing
  LanguageModel model;
};

class HostedExecution : public Execution {
 public:
  HostedExecution(std::shared_ptr<const Hosted> hosted, const ExecutionSpec& spec,
                  const TokenBatch& tokens)
      : hosted_(std::move(hosted)),
        spec_(spec),
        ranges_(plan_ranges(hosted_->model.config(), spec)),
        index_(ranges_),
        ids_(place_ids(tokens, device_of(spec)).view({-1})),
        states_(hosted_->model.new_states(spec.batch)) {
    pass_.batch = spec.batch, pass_.length = spec.length, pass_.logits = spec.logits;
    pass_.fused = spec.fusion && spec.backend == Backend::native;
    pass_.ranges = &index_;
    pass_.norm_in_ssd = prefill_norm_fused(hosted_->model.config(), spec);
    pass_.steps = step_fusion(hosted_->model.config(), spec);
    if (spec.mode == Mode::decode) {
      next_ = at::empty({spec.batch}, ids_.options());
      pass_.logits = Logits::last;
      hosted_->model.forward(ids_, states_, pass_, next_);
      pass_.from_state = true, pass_.length = 1;
    }
    wait_for(spec.device, spec.device_index);
  }

  const ExecutionSpec& spec() const override { return spec_; }
  const std::vector<RangeSpec>& ranges() const override { return ranges_; }

  void run(RangeObserver* observer) override {
    guarded("running the model", [&] { submit(observer); });
  }

  std::vector<std::int64_t> run_to_token() override {
    return guarded("running the model", [&] {
      submit(nullptr);
      const WorkStream::Scope scope(hosted_->stream);
      at::Tensor ids = next_;
      if (!ids.defined()) {
        const at::Tensor last =
            pass_.logits == Logits::all
                ? logits_.view({pass_.batch, pass_.length, -1}).select(1, pass_.length - 1)
                : logits_;
        ids = last.argmax(-1);
      }
      ids = ids.cpu();
      const auto* data = ids.const_data_ptr<std::int64_t>();
      return std::vector<std::int64_t>(data, data + ids.numel());
    });
  }

  void synchronize() override {
    guarded("waiting for the device", [&] {
      const WorkStream::Scope scope(hosted_->stream);
      wait_for(spec_.device, spec_.device_index);
    });
  }

  void* stream() const override { return hosted_->stream.native(); }

  void capture_graph() override {
    if (spec_.device == kernels::Device::cpu) return Execution::capture_graph();
    guarded("capturing the run", [&] {
      submit(nullptr);  // libraries set themselves up outside the capture
      const WorkStream::Scope scope(hosted_->stream);
      wait_for(spec_.device, spec_.device_index);
      graph_ = std::make_unique<RunGraph>([&] { submit(nullptr); });
    });
  }

  void replay_graph() override {
    if (!graph_) capture_graph();
    guarded("replaying the run", [&] {
      const WorkStream::Scope scope(hosted_->stream);
      graph_->replay();
    });
  }

  MemoryUse measure_memory() override {
    return guarded("measuring memory", [&] {
      logits_.reset();
      const MemoryBooks books(ids_.device().type());
      submit(nullptr);
      const WorkStream::Scope scope(hosted_->stream);
      wait_for(spec_.device, spec_.device_index);
      MemoryUse use;
      use.weights = hosted_->model.weight_bytes();
      for (const auto& state : states_) use.state += bytes_of(state.conv) + bytes_of(state.ssm);
      use.activations_peak = books.peak();
      use.allocated_cumulative = books.cumulative();
      return use;
    });
  }

 private:
  void submit(RangeObserver* observer) {
    const WorkStream::Scope scope(hosted_->stream);
    configure_libraries(spec_);
    logits_.reset();
    pass_.observer = observer;
    logits_ = hosted_->model.forward(next_.defined() ? next_ : ids_, states_, pass_, next_);
  }

  std::shared_ptr<const Hosted> hosted_;
  ExecutionSpec spec_;
  std::vector<RangeSpec> ranges_;
  RangeIndex index_;
  at::Tensor ids_, next_, logits_;
  std::vector<LayerState> states_;
  Pass pass_;
  std::unique_ptr<RunGraph> graph_;
};

class HostedModel : public Model, public Continuing {
 public:
  HostedModel(std::shared_ptr<const Checkpoint> checkpoint, const ExecutionSpec& spec)
      : spec_(spec), hosted_(std::make_shared<Hosted>(std::move(checkpoint), spec)) {}

  const ModelConfig& config() const override { return hosted_->model.config(); }

  std::unique_ptr<Execution> prepare(const ExecutionSpec& asked, const TokenBatch& tokens,
                                     std::uint64_t seed) override {
    return guarded("preparing the run", [&]() -> std::unique_ptr<Execution> {
      if (asked.batch < 1 || asked.length < 1) {
        throw reports::InputError("batch and length must be at least 1");
      }
      ExecutionSpec spec = spec_;
      spec.mode = asked.mode, spec.batch = asked.batch, spec.length = asked.length;
      spec.fusion = asked.fusion, spec.logits = asked.logits, spec.threads = asked.threads;
      require_pass_memory(spec.batch, spec.length,
                          spec.mode == Mode::decode ? Logits::last : spec.logits);
      if (!tokens.empty()) check_tokens(tokens, config().vocab_size, "tokens");
      const TokenBatch ids = tokens.empty()
                                 ? random_tokens(spec.batch, spec.length, config().vocab_size, seed)
                                 : fit_tokens(tokens, spec.batch, spec.length);
      const WorkStream::Scope scope(hosted_->stream);
      configure_libraries(spec);
      return std::make_unique<HostedExecution>(hosted_, spec, ids);
    });
  }

  LogitsTable prefill_logits(const TokenBatch& tokens) override {
    check_tokens(tokens, config().vocab_size, "tokens");
    return continued_logits(tokens, {static_cast<std::int64_t>(tokens.front().size())});
  }

  LogitsTable decode_logits(const TokenBatch& tokens, std::int64_t prompt) override {
    check_tokens(tokens, config().vocab_size, "tokens");
    const auto length = static_cast<std::int64_t>(tokens.front().size());
    if (prompt < 1 || prompt > length) {
      throw reports::InputError("the prompt of a decode must have 1 to " + std::to_string(length) +
                                " tokens, not " + std::to_string(prompt));
    }
    std::vector<std::int64_t> pieces(static_cast<std::size_t>(length - prompt + 1), 1);
    pieces.front() = prompt;
    return continued_logits(tokens, pieces);
  }

  LogitsTable continued_logits(const TokenBatch& tokens,
                               const std::vector<std::int64_t>& pieces) override {
    return guarded("computing logits", [&] {
      check_tokens(tokens, config().vocab_size, "tokens");
      LogitsTable table;
      table.batch = static_cast<std::int64_t>(tokens.size());
      table.length = static_cast<std::int64_t>(tokens.front().size());
      table.vocab = config().vocab_size;
      const std::int64_t longest = *std::max_element(pieces.begin(), pieces.end());
      require_pass_memory(table.batch, longest, Logits::all);
      require_memory({}, 4ULL * table.batch * table.length * table.vocab, "the table of logits");
      table.values.resize(static_cast<std::size_t>(table.batch * table.length * table.vocab));
      const at::Tensor all =
          at::from_blob(table.values.data(), {table.batch, table.length, table.vocab});

      const WorkStream::Scope scope(hosted_->stream);
      configure_libraries(spec_);
      const at::Tensor ids = place_ids(tokens, device_of(spec_));
      std::vector<LayerState> states = hosted_->model.new_states(table.batch);
      Pass pass = whole_pass(table.batch);
      std::int64_t begin = 0;
      for (const std::int64_t piece : pieces) {
        pass.length = piece, pass.from_state = begin > 0;
        const at::Tensor part = ids.narrow(1, begin, piece).reshape({-1});
        const at::Tensor logits = hosted_->model.forward(part, states, pass);
        all.narrow(1, begin, piece).copy_(logits.view({table.batch, piece, table.vocab}));
        begin += piece;
      }
      return table;
    });
  }

  CalibrationStats calibrate(const TokenBatch& tokens) override {
    return guarded("calibrating", [&] {
      check_tokens(tokens, config().vocab_size, "calibration tokens");
      const auto batch = static_cast<std::int64_t>(tokens.size());
      const auto length = static_cast<std::int64_t>(tokens.front().size());
      require_pass_memory(batch, length, Logits::last);
      const WorkStream::Scope scope(hosted_->stream);
      configure_libraries(spec_);
      std::vector<at::Tensor> means;
      Pass pass = whole_pass(batch);
      pass.length = length, pass.logits = Logits::last, pass.mean_delta = &means;
      std::vector<LayerState> states = hosted_->model.new_states(batch);
      hosted_->model.forward(place_ids(tokens, device_of(spec_)).view({-1}), states, pass);
      CalibrationStats stats;
      stats.tokens = batch * length;
      for (const at::Tensor& mean : means) {
        const at::Tensor host = mean.to(at::kCPU, at::kDouble).contiguous();
        const auto* data = host.const_data_ptr<double>();
        stats.mean_delta.emplace_back(data, data + host.numel());
      }
      return stats;
    });
  }

 private:
  Pass whole_pass(std::int64_t batch) const {
    Pass pass;
    pass.batch = batch;
    pass.logits = Logits::all;
    pass.fused = spec_.fusion && spec_.backend == Backend::native;
    pass.norm_in_ssd = prefill_norm_fused(config(), spec_);
    ExecutionSpec step = spec_;
    step.mode = Mode::decode, step.batch = batch;
    pass.steps = step_fusion(config(), step);
    return pass;
  }

  void require_pass_memory(std::int64_t batch, std::int64_t length, Logits logits) const {
    require_memory(
        spec_,
        state_need(config(), spec_, batch) +
            activations_need(config(), spec_, batch, length, logits),
        "a pass over " + std::to_string(batch) + " x " + std::to_string(length) + " tokens");
  }

  ExecutionSpec spec_;
  std::shared_ptr<Hosted> hosted_;
};

}  // namespace

std::unique_ptr<Model> make_model(std::shared_ptr<const Checkpoint> checkpoint,
                                  const ExecutionSpec& spec) {
  require_device(spec);
  return guarded("placing the model", [&]() -> std::unique_ptr<Model> {
    configure_libraries(spec);
    require_memory(spec, weights_need(*checkpoint, spec),
                   "the weights of " + checkpoint->config.name + " in " +
                       std::string(kernels::name_of(spec.dtype)));
    return std::make_unique<HostedModel>(std::move(checkpoint), spec);
  });
}

LogitsTable continued_logits(Model& model, const TokenBatch& tokens,
                             const std::vector<std::int64_t>& pieces) {
  return dynamic_cast<Continuing&>(model).continued_logits(tokens, pieces);
}

}  // namespace ssmprof::workloads
