#include <utility>

#include "kernels/ssd.hpp"
#include "workloads/torch/layers.hpp"
#include "workloads/torch/placement.hpp"

namespace ssmprof::workloads {
namespace {

/// Mamba-2 (arXiv 2405.21060, figure 6): in_proj → conv, SiLU over x, B, C → SSD → gated norm →
/// out_proj.
class Mamba2Block : public Block {
 public:
  Mamba2Block(const ModelConfig& config, std::int64_t layer, const Placement& weights, Ops& ops)
      : config_(config),
        layer_(layer),
        n_(config.d_state.at(static_cast<std::size_t>(layer))),
        channels_(config.conv_channels(layer)),
        ops_(ops) {
    const std::string at = "backbone.layers." + std::to_string(layer) + ".mixer.";
    in_proj_ = weights.get(at + "in_proj.weight");
    in_bias_ = weights.get(at + "in_proj.bias");
    conv_ = weights.get(at + "conv1d.weight").view({channels_, config.d_conv});
    conv_bias_ = weights.get(at + "conv1d.bias");
    dt_bias_ = weights.get_float(at + "dt_bias");
    const at::Tensor a_log = weights.get_float(at + "A_log");
    a_ = weights.replaced(a_log, a_log.exp().neg_());
    d_ = weights.get_float(at + "D");
    norm_ = weights.get(at + "norm.weight");
    out_proj_ = weights.get(at + "out_proj.weight");
    out_bias_ = weights.get(at + "out_proj.bias");

    // B and C of masked states are zeroed after conv and SiLU. SiLU(0) = 0, so convolution
    // weights and biases of zero do the same.
    if (const at::Tensor mask = weights.mask(layer); mask.defined()) {
      const at::Tensor keep =
          at::cat({at::ones({config.d_inner}, mask.options()), mask, mask}).to(conv_.device());
      conv_ = weights.replaced(conv_, conv_ * keep.unsqueeze(1));
      if (conv_bias_.defined()) conv_bias_ = weights.replaced(conv_bias_, conv_bias_ * keep);
    }
  }

  Addition forward(at::Tensor x, LayerState& state, const Pass& pass) override {
    const std::int64_t batch = pass.batch, length = pass.length, inner = config_.d_inner;
    const bool norm_in_ssd = pass.norm_in_ssd && !pass.step();
    at::Tensor packed, rows, dt, xbc, y;
    RowScale scale;
    {
      const auto range = pass.leaf(layer_, Component::in_proj);
      packed = ops_.linear(x, in_proj_, in_bias_);  // [T, z · x · B · C · dt]
      rows = packed.view({batch, length, packed.size(1)});
      dt = rows.narrow(2, inner + channels_, config_.n_heads);
      x.reset();
    }
    {
      const auto range = pass.leaf(layer_, Component::conv);
      const ConvCall call{rows.narrow(2, inner, channels_), conv_, conv_bias_, state.conv,
                          pass.from_state};
      xbc = pass.step() ? ops_.conv_step(call) : ops_.conv(call);
    }
    if (pass.mean_delta != nullptr) {
      pass.mean_delta->push_back(at::softplus(dt.to(at::kFloat) + dt_bias_)
                                     .clamp_(config_.dt_min, config_.dt_max)
                                     .mean(at::IntArrayRef{0, 1}, false, at::kDouble));
    }
    {
      const auto range = pass.leaf(layer_, Component::ssd);
      SsdCall call = ssd_call(xbc, dt, state, pass.from_state);
      if (norm_in_ssd) {
        scale = {at::empty({batch * length, kernels::ssd_parts(config_.n_heads, config_.head_dim)},
                           packed.options().dtype(at::kFloat)),
                 inner, config_.norm_eps};
        call.z = rows.narrow(2, 0, inner), call.norm_weight = norm_, call.squares = scale.squares;
      }
      y = (pass.step() ? ops_.ssd_step(call) : ops_.ssd(call)).view({-1, inner});
      xbc.reset();
      if (norm_in_ssd) packed.reset(), rows.reset(), dt.reset();
    }
    if (!norm_in_ssd) {
      const auto range = pass.leaf(layer_, Component::gated_norm);
      y = ops_.gated_rms_norm(y, packed.narrow(1, 0, inner), norm_, config_.norm_group_size,
                              config_.norm_eps);
      packed.reset(), rows.reset(), dt.reset();
    }
    const auto range = pass.leaf(layer_, Component::out_proj);
    Addition out{ops_.linear(y, out_proj_, out_bias_), std::move(scale)};
    y.reset();
    return out;
  }

  void step(StepStream& stream, const at::Tensor& next_norm, LayerState& state,
            const Pass& pass) override {
    const std::int64_t inner = config_.d_inner;
    StepLinearResult in;
    SsdCall call;
    at::Tensor y;
    {
      const auto range = pass.leaf(layer_, Component::in_proj);
      StepLinearCall linear{stream.next, in_proj_, in_bias_, stream.squares, config_.norm_eps};
      linear.conv_weight = conv_, linear.conv_bias = conv_bias_, linear.conv_state = state.conv;
      linear.conv_first = inner;
      in = ops_.linear_step(linear);
    }
    {
      const auto range = pass.leaf(layer_, Component::ssd);
      call = ssd_call(in.convolved.unsqueeze(1),
                      in.y.narrow(1, inner + channels_, config_.n_heads).unsqueeze(1), state, true);
      call.z = in.y.narrow(1, 0, inner).unsqueeze(1), call.norm_weight = norm_;
      const std::int64_t rows =
          kernels::ssd_step_rows(pass.batch, config_.n_heads, config_.head_dim);
      call.squares = at::empty({pass.batch, inner / rows}, in.y.options().dtype(at::kFloat));
      y = ops_.ssd_step(call);
    }
    const auto range = pass.leaf(layer_, Component::out_proj);
    StepLinearCall linear{y.view({-1, inner}), out_proj_, out_bias_, call.squares,
                          config_.norm_eps};
    linear.stream = &stream, linear.norm_weight = next_norm;
    ops_.linear_step(linear);
  }

  LayerState new_state(std::int64_t batch, at::ScalarType state_type) const override {
    return {at::zeros({batch, config_.d_conv - 1, channels_}, in_proj_.options()),
            at::zeros({batch, config_.n_heads, config_.head_dim, n_},
                      in_proj_.options().dtype(state_type))};
  }

 private:
  SsdCall ssd_call(const at::Tensor& xbc, const at::Tensor& dt, const LayerState& state,
                   bool from_state) const {
    const std::int64_t inner = config_.d_inner, bc = config_.n_groups * n_;
    SsdCall call;
    call.x = xbc.narrow(2, 0, inner);
    call.b = xbc.narrow(2, inner, bc), call.c = xbc.narrow(2, inner + bc, bc);
    call.dt = dt;
    call.a = a_, call.d = d_, call.dt_bias = dt_bias_;
    call.heads = config_.n_heads, call.head_dim = config_.head_dim;
    call.groups = config_.n_groups, call.state_size = n_;
    call.chunk = config_.chunk_size;
    call.dt_min = config_.dt_min, call.dt_max = config_.dt_max;
    call.state = state.ssm, call.from_state = from_state;
    return call;
  }

  const ModelConfig& config_;
  std::int64_t layer_, n_, channels_;
  Ops& ops_;
  at::Tensor in_proj_, in_bias_, conv_, conv_bias_, dt_bias_, a_, d_, norm_, out_proj_, out_bias_;
};

}  // namespace

std::unique_ptr<Block> make_mamba2_block(const ModelConfig& config, std::int64_t layer,
                                         const Placement& weights, Ops& ops) {
  return std::make_unique<Mamba2Block>(config, layer, weights, ops);
}

}  // namespace ssmprof::workloads
