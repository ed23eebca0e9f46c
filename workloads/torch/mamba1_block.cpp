#include "workloads/torch/layers.hpp"
#include "workloads/torch/placement.hpp"

namespace ssmprof::workloads {
namespace {

/// Mamba-1 (arXiv 2312.00752, figure 3): in_proj → conv, SiLU → x_proj → dt_proj → scan → gate →
/// out_proj.
class Mamba1Block : public Block {
 public:
  Mamba1Block(const ModelConfig& config, std::int64_t layer, const Placement& weights, Ops& ops)
      : layer_(layer),
        inner_(config.d_inner),
        rank_(config.dt_rank),
        n_(config.d_state.at(static_cast<std::size_t>(layer))),
        width_(config.d_conv),
        eps_(config.norm_eps),
        ops_(ops) {
    const std::string at = "backbone.layers." + std::to_string(layer) + ".mixer.";
    in_proj_ = weights.get(at + "in_proj.weight");
    in_bias_ = weights.get(at + "in_proj.bias");
    conv_ = weights.get(at + "conv1d.weight").view({inner_, width_});
    conv_bias_ = weights.get(at + "conv1d.bias");
    x_proj_ = weights.get(at + "x_proj.weight");
    dt_proj_ = weights.get(at + "dt_proj.weight");
    dt_bias_ = weights.get_float(at + "dt_proj.bias");
    const at::Tensor a_log = weights.get_float(at + "A_log");
    a_ = weights.replaced(a_log, a_log.exp().neg_());
    d_ = weights.get_float(at + "D");
    out_proj_ = weights.get(at + "out_proj.weight");
    out_bias_ = weights.get(at + "out_proj.bias");

    // B and C of masked states are zeroed after x_proj, which is the same as zero rows in it.
    if (const at::Tensor mask = weights.mask(layer); mask.defined()) {
      const at::Tensor keep = at::cat({at::ones({rank_}, mask.options()), mask, mask});
      x_proj_ = weights.replaced(x_proj_, x_proj_ * keep.to(x_proj_.device()).unsqueeze(1));
    }
  }

  Addition forward(at::Tensor x, LayerState& state, const Pass& pass) override {
    const std::int64_t batch = pass.batch, length = pass.length;
    const auto rows = [&](const at::Tensor& t) { return t.view({batch, length, t.size(1)}); };
    at::Tensor xz, z, u, parameters, delta, y;
    {
      const auto range = pass.leaf(layer_, Component::in_proj);
      xz = rows(ops_.linear(x, in_proj_, in_bias_));
      z = xz.narrow(2, inner_, inner_);
      x.reset();
    }
    {
      const auto range = pass.leaf(layer_, Component::conv);
      const ConvCall call{xz.narrow(2, 0, inner_), conv_, conv_bias_, state.conv, pass.from_state};
      u = pass.step() ? ops_.conv_step(call) : ops_.conv(call);
    }
    {
      const auto range = pass.leaf(layer_, Component::x_proj);
      parameters = ops_.linear(u.view({-1, inner_}), x_proj_, {});  // [T, R + 2N]
    }
    if (pass.step() && pass.steps >= StepFusion::recurrence) {
      {
        const auto range = pass.leaf(layer_, Component::scan);
        y = ops_.scan_step(
            step_call(u.view({-1, inner_}), parameters, z.view({-1, inner_}), state));
        u.reset(), parameters.reset();
      }
      const auto range = pass.leaf(layer_, Component::out_proj);
      at::Tensor out = ops_.linear(y.view({-1, inner_}), out_proj_, out_bias_);
      xz.reset(), z.reset(), y.reset();
      return {out, {}};
    }
    {
      const auto range = pass.leaf(layer_, Component::dt_proj);
      delta = ops_.linear(parameters.narrow(1, 0, rank_), dt_proj_, {});
    }
    if (pass.mean_delta != nullptr) {
      pass.mean_delta->push_back(
          at::softplus(delta.to(at::kFloat) + dt_bias_).mean(0, false, at::kDouble));
    }
    {
      const auto range = pass.leaf(layer_, Component::scan);
      const at::Tensor bc = rows(parameters);
      const ScanCall call{u,
                          rows(delta),
                          bc.narrow(2, rank_, n_),
                          bc.narrow(2, rank_ + n_, n_),
                          pass.fused ? z : at::Tensor(),
                          a_,
                          d_,
                          dt_bias_,
                          state.ssm,
                          pass.from_state};
      y = pass.step() ? ops_.scan_step(call) : ops_.scan(call);
      u.reset(), parameters.reset(), delta.reset();
    }
    if (!pass.fused) {
      const auto range = pass.leaf(layer_, Component::gate);
      y = ops_.gate(y, z);
    }
    const auto range = pass.leaf(layer_, Component::out_proj);
    at::Tensor out = ops_.linear(y.view({-1, inner_}), out_proj_, out_bias_);
    xz.reset(), z.reset(), y.reset();
    return {out, {}};
  }

  void step(StepStream& stream, const at::Tensor& next_norm, LayerState& state,
            const Pass& pass) override {
    StepLinearResult in;
    at::Tensor parameters, y;
    {
      const auto range = pass.leaf(layer_, Component::in_proj);
      StepLinearCall call{stream.next, in_proj_, in_bias_, stream.squares, eps_};
      call.conv_weight = conv_, call.conv_bias = conv_bias_, call.conv_state = state.conv;
      in = ops_.linear_step(call);
    }
    {
      const auto range = pass.leaf(layer_, Component::x_proj);
      parameters = ops_.linear(in.convolved, x_proj_, {});  // [B, R + 2N]
    }
    {
      const auto range = pass.leaf(layer_, Component::scan);
      y = ops_.scan_step(
          step_call(in.convolved, parameters, in.y.narrow(1, inner_, inner_), state));
      parameters.reset(), in.convolved.reset();
    }
    const auto range = pass.leaf(layer_, Component::out_proj);
    StepLinearCall call{y.view({-1, inner_}), out_proj_, out_bias_};
    call.stream = &stream, call.norm_weight = next_norm;
    ops_.linear_step(call);
  }

  LayerState new_state(std::int64_t batch, at::ScalarType state_type) const override {
    return {at::zeros({batch, width_ - 1, inner_}, in_proj_.options()),
            at::zeros({batch, inner_, n_}, in_proj_.options().dtype(state_type))};
  }

 private:
  /// A decode step with dt_proj and the gate inside, rows [B, ·].
  ScanCall step_call(const at::Tensor& u, const at::Tensor& parameters, const at::Tensor& z,
                     const LayerState& state) const {
    const auto rows = [](const at::Tensor& t) { return t.unsqueeze(1); };
    ScanCall call;
    call.u = rows(u), call.z = rows(z);
    call.delta = rows(parameters.narrow(1, 0, rank_));
    call.b = rows(parameters.narrow(1, rank_, n_));
    call.c = rows(parameters.narrow(1, rank_ + n_, n_));
    call.a = a_, call.d = d_, call.delta_bias = dt_bias_;
    call.state = state.ssm, call.from_state = true;
    call.dt_weight = dt_proj_;
    return call;
  }

  std::int64_t layer_, inner_, rank_, n_, width_;
  double eps_;
  Ops& ops_;
  at::Tensor in_proj_, in_bias_, conv_, conv_bias_, x_proj_, dt_proj_, dt_bias_, a_, d_, out_proj_,
      out_bias_;
};

}  // namespace

std::unique_ptr<Block> make_mamba1_block(const ModelConfig& config, std::int64_t layer,
                                         const Placement& weights, Ops& ops) {
  return std::make_unique<Mamba1Block>(config, layer, weights, ops);
}

}  // namespace ssmprof::workloads
