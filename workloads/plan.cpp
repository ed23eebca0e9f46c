#include "workloads/plan.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "kernels/causal_conv1d.hpp"
#include "kernels/cuda_device.hpp"
#include "kernels/embed.hpp"
#include "kernels/gate.hpp"
#include "kernels/linear.hpp"
#include "kernels/rms_norm.hpp"
#include "kernels/selective_scan.hpp"
#include "kernels/ssd.hpp"

namespace ssmprof::workloads {

using kernels::Cost;
using kernels::DType;

namespace {

// Costs ask only whether a pointer is given.
std::byte given_byte;
void* const kGiven = &given_byte;
const float* const kGivenFloats = reinterpret_cast<const float*>(kGiven);

kernels::SsdArgs ssd_args(const ModelConfig& config, const ExecutionSpec& spec,
                          std::int64_t layer) {
  kernels::SsdArgs args;
  args.dtype = spec.dtype;
  args.batch = spec.batch;
  args.length = spec.length;
  args.heads = config.n_heads;
  args.head_dim = config.head_dim;
  args.groups = config.n_groups;
  args.state = config.d_state[static_cast<std::size_t>(layer)];
  args.x.data = args.b.data = args.c.data = args.dt.data = args.out.data = kGiven;
  args.a = args.d = args.dt_bias = kGivenFloats;
  return args;
}

class Planner {
 public:
  Planner(const ModelConfig& config, const ExecutionSpec& spec)
      : config_(config),
        spec_(spec),
        prefill_(spec.mode == Mode::prefill),
        fused_(spec.fusion && spec.backend == Backend::native),
        steps_(prefill_ ? StepFusion::none : step_fusion(config, spec)),
        norm_in_ssd_(prefill_ && prefill_norm_fused(config, spec)),
        residual_dtype_(config.residual_in_fp32 ? DType::f32 : spec.dtype),
        batch_(spec.batch),
        length_(prefill_ ? spec.length : 1),
        head_length_(prefill_ && spec.logits == Logits::all ? length_ : 1) {}

  std::vector<RangeSpec> plan() {
    open("forward", -1, -1);
    embedding();
    const std::size_t digits = std::max<std::size_t>(2, std::to_string(config_.n_layer - 1).size());
    for (std::int64_t i = 0; i < config_.n_layer; ++i) {
      const std::string number = std::to_string(i);
      const std::string name = "layer." + std::string(digits - number.size(), '0') + number;
      layer_ = static_cast<int>(i);
      prefix_ = name + "/";
      parent_ = open(name, 0, layer_);
      layer();
    }
    layer_ = -1;
    prefix_.clear();
    parent_ = 0;
    if (steps_ == StepFusion::layer) {
      leaf(Component::head, 1, config_.vocab_size,
           kernels::cost_of(step_linear(config_.vocab_size, config_.d_model, false)));
      return std::move(ranges_);
    }
    norm(config_.n_layer > 0, head_length_);
    head();
    return std::move(ranges_);
  }

 private:
  std::uint64_t tokens() const { return static_cast<std::uint64_t>(batch_ * length_); }
  static std::uint64_t u(std::int64_t value) { return static_cast<std::uint64_t>(value); }

  int open(const std::string& id, int parent, int layer) {
    RangeSpec range;
    range.id = id;
    range.parent = parent;
    range.layer = layer;
    ranges_.push_back(std::move(range));
    return static_cast<int>(ranges_.size()) - 1;
  }

  void leaf(Component component, std::int64_t length, std::int64_t channels, const Cost& cost,
            std::vector<Component> includes = {}) {
    RangeSpec range;
    range.id = prefix_ + std::string(name_of(component));
    range.parent = parent_;
    range.leaf = true;
    range.component = component;
    range.layer = layer_;
    range.includes = std::move(includes);
    range.shape = {batch_, length, channels};
    range.cost = cost;
    ranges_.push_back(std::move(range));
  }

  void embedding() {
    parent_ = 0;
    if (steps_ == StepFusion::layer) {
      kernels::EmbedArgs args;
      args.dtype = spec_.dtype, args.residual_dtype = residual_dtype_;
      args.rows = batch_, args.channels = config_.d_model;
      return leaf(Component::embedding, length_, config_.d_model, kernels::cost_of(args),
                  {Component::norm});
    }
    const std::uint64_t elements = tokens() * u(config_.d_model);
    // Token ids are 8-byte integers; a row of the table per token.
    const Cost cost{0, 0, elements * kernels::size_of(spec_.dtype) + tokens() * 8,
                    elements * kernels::size_of(residual_dtype_)};
    leaf(Component::embedding, length_, config_.d_model, cost);
  }

  /// `adds`: a residual add precedes it (its own range unless fused). `length`: rows per sequence.
  void norm(bool adds, std::int64_t length) {
    const bool includes_add = fused_ && adds;
    kernels::RmsNormArgs args;
    args.dtype = spec_.dtype;
    args.x_dtype = includes_add ? spec_.dtype : residual_dtype_;
    args.residual_dtype = residual_dtype_;
    args.tokens = batch_ * length;
    args.channels = config_.d_model;
    args.x.data = args.out.data = kGiven;
    args.weight = kGiven;
    if (includes_add) {
      args.residual.data = kGiven;
      if (layer_ >= 0) args.residual_out.data = kGiven;  // nothing reads it after the final norm
      if (norm_in_ssd_) {
        args.x_scale.squares = kGivenFloats;
        args.x_scale.parts = kernels::ssd_parts(config_.n_heads, config_.head_dim);
      }
    }
    std::vector<Component> includes;
    if (includes_add) includes.push_back(Component::residual);
    leaf(Component::norm, length, config_.d_model, kernels::cost_of(args), std::move(includes));
  }

  void projection(Component component, std::int64_t out, std::int64_t in, bool bias) {
    Cost cost = kernels::gemm_cost(tokens(), u(out), u(in), spec_.dtype, spec_.dtype);
    if (bias) cost += Cost{tokens() * u(out), 0, u(out) * kernels::size_of(spec_.dtype), 0};
    leaf(component, length_, out, cost);
  }

  /// A linear layer of a fused step, whose x comes from a norm or not.
  kernels::LinearArgs step_linear(std::int64_t out, std::int64_t in, bool bias,
                                  bool scaled = true) const {
    kernels::LinearArgs args;
    args.dtype = spec_.dtype;
    args.rows = batch_, args.inputs = in, args.outputs = out;
    if (bias) args.bias = kGiven;
    if (scaled) args.scale = {kGivenFloats, in / kernels::kLinearPart, in, 0.0F};
    return args;
  }

  void step_in_proj() {
    const bool mamba1 = config_.family == Family::mamba1;
    kernels::LinearArgs args =
        step_linear(config_.in_proj_rows(layer_), config_.d_model, config_.use_bias);
    args.conv.channels = mamba1 ? config_.d_inner : config_.conv_channels(layer_);
    args.conv.state = kGiven;
    if (config_.use_conv_bias) args.conv.bias = kGiven;
    leaf(Component::in_proj, length_, args.outputs, kernels::cost_of(args), {Component::conv});
  }

  void step_out_proj() {
    const bool scaled = config_.family == Family::mamba2;
    kernels::LinearArgs args =
        step_linear(config_.d_model, config_.d_inner, config_.use_bias, scaled);
    if (scaled)
      args.scale.parts =
          config_.d_inner / kernels::ssd_step_rows(batch_, config_.n_heads, config_.head_dim);
    args.residual.dtype = residual_dtype_;
    args.residual.data = kGiven;
    leaf(Component::out_proj, length_, args.outputs, kernels::cost_of(args),
         {Component::residual, Component::norm});
  }

  void conv(std::int64_t channels) {
    kernels::CausalConv1dArgs args;
    args.dtype = spec_.dtype;
    args.batch = batch_;
    args.length = length_;
    args.channels = channels;
    args.width = config_.d_conv;
    args.x.data = args.out.data = kGiven;
    args.weight = kGiven;
    if (config_.use_conv_bias) args.bias = kGiven;
    if (!prefill_) args.initial_state = kGiven;
    args.final_state = kGiven;
    leaf(Component::conv, length_, channels, kernels::cost_of(args));
  }

  /// What a prefill adds for its final SSM state.
  Cost final_state(std::int64_t state) const {
    return {0, 0, 0, u(batch_ * config_.d_inner * state) * kernels::size_of(spec_.state_dtype)};
  }

  Cost scan_cost(std::int64_t state) const {
    const auto fill = [&](auto& args) {
      args.dtype = spec_.dtype;
      args.batch = batch_;
      args.channels = config_.d_inner;
      args.state = state;
      args.u.data = args.delta.data = args.b.data = args.c.data = args.out.data = kGiven;
      if (fused_) args.z.data = kGiven;
      args.a = args.d = args.delta_bias = kGivenFloats;
    };
    if (prefill_) {
      kernels::SelectiveScanArgs args;
      fill(args);
      args.length = length_;
      return kernels::cost_of(args) + final_state(state);
    }
    kernels::SelectiveStateUpdateArgs args;
    fill(args);
    args.state_dtype = spec_.state_dtype;
    args.ssm_state = kGiven;
    if (steps_ != StepFusion::none) args.rank = config_.dt_rank;
    return kernels::cost_of(args);
  }

  void mamba1_core(std::int64_t state) {
    if (steps_ != StepFusion::layer) conv(config_.d_inner);
    projection(Component::x_proj, config_.dt_rank + 2 * state, config_.d_inner, false);
    std::vector<Component> includes;
    if (steps_ == StepFusion::none) {
      projection(Component::dt_proj, config_.d_inner, config_.dt_rank, false);  // bias: in the scan
    } else {
      includes.push_back(Component::dt_proj);
    }
    if (fused_) includes.push_back(Component::gate);
    leaf(Component::scan, length_, config_.d_inner, scan_cost(state), std::move(includes));
    if (fused_) return;
    kernels::GateArgs args;
    args.dtype = spec_.dtype;
    args.batch = batch_;
    args.length = length_;
    args.channels = config_.d_inner;
    args.y.data = args.z.data = args.out.data = kGiven;
    leaf(Component::gate, length_, config_.d_inner, kernels::cost_of(args));
  }

  Cost ssd_cost(std::int64_t state) const {
    kernels::SsdArgs args = ssd_args(config_, spec_, layer_);
    if (prefill_) {
      args.chunk = executed_ssd_chunk(config_, spec_, layer_);
      if (norm_in_ssd_) {
        args.z.data = kGiven, args.norm_weight = kGiven;
      }
      return kernels::cost_of(args) + final_state(state);
    }
    kernels::SsdStateUpdateArgs step;
    step.dtype = spec_.dtype;
    step.state_dtype = spec_.state_dtype;
    step.batch = batch_;
    step.heads = args.heads;
    step.head_dim = args.head_dim;
    step.groups = args.groups;
    step.state = state;
    step.x = step.b = step.c = step.dt = args.x;
    step.a = step.d = step.dt_bias = kGivenFloats;
    step.ssm_state = kGiven;
    step.out.data = kGiven;
    if (steps_ == StepFusion::layer) step.z.data = step.norm_weight = kGiven;
    return kernels::cost_of(step);
  }

  void mamba2_core(std::int64_t state) {
    if (steps_ == StepFusion::layer)
      return leaf(Component::ssd, length_, config_.d_inner, ssd_cost(state),
                  {Component::gated_norm});
    conv(config_.conv_channels(layer_));
    if (norm_in_ssd_)
      return leaf(Component::ssd, length_, config_.d_inner, ssd_cost(state),
                  {Component::gated_norm});
    leaf(Component::ssd, length_, config_.d_inner, ssd_cost(state));
    kernels::GatedRmsNormArgs args;
    args.dtype = spec_.dtype;
    args.tokens = batch_ * length_;
    args.channels = config_.d_inner;
    args.group_size = config_.norm_group_size;
    args.y.data = args.z.data = args.out.data = kGiven;
    args.weight = kGiven;
    leaf(Component::gated_norm, length_, config_.d_inner, kernels::cost_of(args));
  }

  void layer() {
    const std::int64_t state = config_.d_state[static_cast<std::size_t>(layer_)];
    const bool steps = steps_ == StepFusion::layer, mamba1 = config_.family == Family::mamba1;
    if (steps) {
      step_in_proj();
    } else {
      norm(layer_ > 0, length_);
      projection(Component::in_proj, config_.in_proj_rows(layer_), config_.d_model,
                 config_.use_bias);
    }
    mamba1 ? mamba1_core(state) : mamba2_core(state);
    if (steps) return step_out_proj();
    projection(Component::out_proj, config_.d_model, config_.d_inner, config_.use_bias);
    if (fused_) return;
    const std::uint64_t elements = tokens() * u(config_.d_model);
    const std::uint64_t width = kernels::size_of(residual_dtype_);
    leaf(Component::residual, length_, config_.d_model,
         {elements, 0, elements * (kernels::size_of(spec_.dtype) + width), elements * width});
  }

  void head() {
    leaf(Component::head, head_length_, config_.vocab_size,
         kernels::gemm_cost(u(batch_ * head_length_), u(config_.vocab_size), u(config_.d_model),
                            spec_.dtype, spec_.dtype));
  }

  const ModelConfig& config_;
  const ExecutionSpec& spec_;
  bool prefill_, fused_;
  StepFusion steps_;
  bool norm_in_ssd_;
  DType residual_dtype_;
  std::int64_t batch_, length_, head_length_;
  int layer_ = -1, parent_ = 0;
  std::string prefix_;
  std::vector<RangeSpec> ranges_;
};

}  // namespace

std::vector<RangeSpec> plan_ranges(const ModelConfig& config, const ExecutionSpec& spec) {
  return Planner(config, spec).plan();
}

Cost total_cost(const std::vector<RangeSpec>& ranges) {
  Cost total;
  for (const auto& range : ranges) {
    if (range.leaf) total += range.cost;
  }
  return total;
}

std::int64_t torch_ssd_chunk(const ModelConfig& config, std::int64_t length) {
  return std::min(config.chunk_size, length);
}

std::int64_t executed_ssd_chunk(const ModelConfig& config, const ExecutionSpec& spec,
                                std::int64_t layer) {
  if (spec.mode == Mode::decode || config.family != Family::mamba2) return 0;
  if (spec.backend == Backend::torch) return torch_ssd_chunk(config, spec.length);
  // For a GPU that is not here: the form that every card runs, token by token.
  if (spec.device == kernels::Device::cuda && kernels::cuda_device_count() == 0) return 1;
  kernels::Launch launch;
  launch.device = spec.device;
  launch.threads = spec.threads;
  return kernels::ssd_chunk(ssd_args(config, spec, layer), launch);
}

RangeIndex::RangeIndex(const std::vector<RangeSpec>& ranges) {
  constexpr std::array<int, kComponentNames.size()> kNone = [] {
    std::array<int, kComponentNames.size()> none{};
    none.fill(-1);
    return none;
  }();
  leaves_.push_back(kNone);
  for (std::size_t i = 1; i < ranges.size(); ++i) {
    const RangeSpec& range = ranges[i];
    if (!range.leaf) {
      groups_.push_back(static_cast<int>(i));
      leaves_.push_back(kNone);
    } else {
      leaves_[static_cast<std::size_t>(range.layer + 1)]
             [static_cast<std::size_t>(range.component)] = static_cast<int>(i);
    }
  }
}

}  // namespace ssmprof::workloads
