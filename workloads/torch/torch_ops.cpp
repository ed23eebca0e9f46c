#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "workloads/torch/torch_recurrence.hpp"

namespace ssmprof::workloads {
namespace {

using at::indexing::None;
using at::indexing::Slice;

at::Tensor to_float(const at::Tensor& t) {
  return t.to(at::kFloat);
}

/// The baseline: LibTorch's own operations, as a model written in it runs.
class TorchOps : public Ops {
 public:
  at::Tensor conv(const ConvCall& call) override {
    const std::int64_t length = call.x.size(1), channels = call.x.size(2);
    const std::int64_t before = call.weight.size(1) - 1;
    at::Tensor rows = call.x.transpose(1, 2);
    std::int64_t padding = before;
    if (call.from_state && before > 0) {
      rows = at::cat({call.state.transpose(1, 2), rows}, 2);
      padding = 0;
    }
    at::Tensor out = at::conv1d(rows, call.weight.unsqueeze(1), call.bias, 1, padding, 1, channels);
    if (padding > 0) out = out.narrow(2, 0, length);
    keep_last(call);
    return at::silu(out).transpose(1, 2).contiguous();
  }

  at::Tensor conv_step(const ConvCall& call) override {
    const at::Tensor window = at::cat({call.state, call.x}, 1);  // [B, K, C]
    at::Tensor out = (to_float(window) * call.weight.t()).sum(1, /*keepdim=*/true);
    if (call.bias.defined()) out.add_(call.bias);
    call.state.copy_(window.narrow(1, 1, call.state.size(1)));
    return at::silu_(out).to(call.x.scalar_type());
  }

  at::Tensor scan(const ScanCall& call) override { return gated(torch_scan(call), call.z); }

  at::Tensor scan_step(const ScanCall& call) override {
    const at::Tensor u = to_float(call.u.select(1, 0));
    const at::Tensor delta = at::softplus(to_float(call.delta.select(1, 0)) + call.delta_bias);
    at::Tensor h = to_float(call.state) * at::exp(delta.unsqueeze(-1) * call.a);
    h.addcmul_((delta * u).unsqueeze(-1), to_float(call.b));  // b [B, 1, N]
    call.state.copy_(h);
    at::Tensor y = at::matmul(h, to_float(call.c).transpose(1, 2)).squeeze(-1);
    y.addcmul_(call.d, u);
    return gated(y.unsqueeze(1).to(call.u.scalar_type()), call.z);
  }

  at::Tensor ssd(const SsdCall& call) override { return torch_ssd(call); }

  at::Tensor ssd_step(const SsdCall& call) override {
    const std::int64_t batch = call.x.size(0), groups = call.groups, per = call.heads / groups;
    const at::Tensor x = to_float(call.x).view({batch, call.heads, call.head_dim});
    const at::Tensor dt =
        at::softplus(to_float(call.dt.select(1, 0)) + call.dt_bias).clamp(call.dt_min, call.dt_max);
    const at::Tensor decay = at::exp(dt * call.a).view({batch, call.heads, 1, 1});
    const auto grouped = [&](const at::Tensor& t) {
      return to_float(t).view({batch, groups, 1, 1, call.state_size});
    };
    const at::Tensor xdt = (x * dt.unsqueeze(-1)).view({batch, groups, per, call.head_dim, 1});
    at::Tensor h = to_float(call.state) * decay;
    at::Tensor hg = h.view({batch, groups, per, call.head_dim, call.state_size});
    hg.addcmul_(xdt, grouped(call.b));
    call.state.copy_(h);
    at::Tensor y = (hg * grouped(call.c)).sum(-1).view({batch, call.heads, call.head_dim});
    y.addcmul_(call.d.unsqueeze(-1), x);
    return y.view({batch, 1, call.heads * call.head_dim}).to(call.x.scalar_type());
  }

  at::Tensor gate(const at::Tensor& y, const at::Tensor& z) override { return y * at::silu(z); }

  at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps) override {
    return normalized(to_float(x), eps).mul_(weight).to(weight.scalar_type());
  }

  at::Tensor add_rms_norm(const at::Tensor&, const RowScale&, at::Tensor&, bool, const at::Tensor&,
                          double) override {
    throw std::logic_error("the torch backend fuses nothing");
  }

  StepLinearResult linear_step(const StepLinearCall&) override {
    throw std::logic_error("the torch backend fuses nothing");
  }
  StepStream embed_step(const at::Tensor&, const at::Tensor&, at::ScalarType,
                        const at::Tensor&) override {
    throw std::logic_error("the torch backend fuses nothing");
  }

  at::Tensor gated_rms_norm(const at::Tensor& y, const at::Tensor& z, const at::Tensor& weight,
                            std::int64_t group_size, double eps) override {
    const std::int64_t channels = y.size(-1);
    const at::Tensor gated = to_float(y) * at::silu(to_float(z));
    const at::Tensor out = normalized(gated.view({-1, channels / group_size, group_size}), eps);
    return out.view({-1, channels}).mul(weight).to(weight.scalar_type());
  }

 private:
  static at::Tensor gated(at::Tensor y, const at::Tensor& z) {
    return z.defined() ? y.mul_(at::silu(z)) : y;
  }

  static at::Tensor normalized(const at::Tensor& x, double eps) {
    return x * at::rsqrt(x.square().mean(-1, /*keepdim=*/true) + eps);
  }

  /// state = the last K-1 rows of (state, x), oldest first.
  static void keep_last(const ConvCall& call) {
    const std::int64_t length = call.x.size(1), before = call.state.size(1);
    if (before == 0) return;
    if (length >= before) {
      call.state.copy_(call.x.narrow(1, length - before, before));
      return;
    }
    if (!call.from_state) call.state.zero_();
    const at::Tensor rows = at::cat({call.state, call.x}, 1);
    call.state.copy_(rows.narrow(1, length, before));
  }
};

}  // namespace

std::unique_ptr<Ops> make_torch_ops() {
  return std::make_unique<TorchOps>();
}

}  // namespace ssmprof::workloads
