#include "workloads/torch/exact_ops.hpp"

namespace ssmprof::workloads::exact {
namespace {

at::Tensor wide(const at::Tensor& t) {
  return t.to(at::kDouble);
}

/// v / (1 + e⁻ᵛ)
at::Tensor silu_of(const at::Tensor& v) {
  return v / (1 + at::exp(-v));
}

/// log(1 + eᵛ) = max(v, 0) + log(1 + e^−|v|)
at::Tensor softplus_of(const at::Tensor& v) {
  return v.clamp_min(0) + at::log1p(at::exp(-v.abs()));
}

at::Tensor first_state(const at::Tensor& state, bool from_state) {
  return from_state ? state.to(at::kDouble, /*non_blocking=*/false, /*copy=*/true)
                    : at::zeros(state.sizes(), state.options().dtype(at::kDouble));
}

/// v / √(mean(v²) + ε) over the last dimension.
at::Tensor normalized(const at::Tensor& v, double eps) {
  return v / at::sqrt((v * v).mean(-1, /*keepdim=*/true) + eps);
}

}  // namespace

Result conv(const ConvCall& call) {
  const std::int64_t length = call.x.size(1), width = call.weight.size(1);
  const at::Tensor rows = at::cat({first_state(call.state, call.from_state), wide(call.x)}, 1);
  const at::Tensor weight = wide(call.weight);
  at::Tensor sum = at::zeros(call.x.sizes(), rows.options());
  for (std::int64_t k = 0; k < width; ++k) {
    sum += rows.narrow(1, k, length) * weight.select(1, k);
  }
  if (call.bias.defined()) sum += wide(call.bias);
  return {silu_of(sum), rows.narrow(1, length, width - 1)};
}

Result scan(const ScanCall& call) {
  const at::Tensor u = wide(call.u), b = wide(call.b), c = wide(call.c);
  const at::Tensor a = wide(call.a), d = wide(call.d);
  const at::Tensor raw =
      call.dt_weight.defined() ? exact::linear(call.delta, call.dt_weight, {}) : wide(call.delta);
  const at::Tensor delta = softplus_of(raw + wide(call.delta_bias));
  at::Tensor h = first_state(call.state, call.from_state);  // [B, C, N]
  at::Tensor out = at::empty(u.sizes(), u.options());
  for (std::int64_t t = 0; t < u.size(1); ++t) {
    const at::Tensor step = delta.select(1, t), input = u.select(1, t);
    h = at::exp(step.unsqueeze(-1) * a) * h +
        (step * input).unsqueeze(-1) * b.select(1, t).unsqueeze(1);
    out.select(1, t).copy_((h * c.select(1, t).unsqueeze(1)).sum(-1) + d * input);
  }
  return {call.z.defined() ? gate(out, call.z) : out, h};
}

Result ssd(const SsdCall& call) {
  const std::int64_t batch = call.x.size(0), length = call.x.size(1),
                     per = call.heads / call.groups;
  const at::Tensor x = wide(call.x).reshape({batch, length, call.heads, call.head_dim});
  const auto of_heads = [&](const at::Tensor& t) {  // [B, L, G·N] → [B, L, H, N]
    return wide(t).reshape({batch, length, call.groups, call.state_size}).repeat_interleave(per, 2);
  };
  const at::Tensor b = of_heads(call.b), c = of_heads(call.c);
  const at::Tensor d = wide(call.d).unsqueeze(-1);
  const at::Tensor dt =
      softplus_of(wide(call.dt) + wide(call.dt_bias)).clamp(call.dt_min, call.dt_max);  // [B, L, H]
  const at::Tensor decay = at::exp(dt * wide(call.a));
  at::Tensor h = first_state(call.state, call.from_state);  // [B, H, P, N]
  at::Tensor out = at::empty(x.sizes(), x.options());
  for (std::int64_t t = 0; t < length; ++t) {
    const at::Tensor input = x.select(1, t);
    h *= decay.select(1, t).unsqueeze(-1).unsqueeze(-1);
    h += (dt.select(1, t).unsqueeze(-1) * input).unsqueeze(-1) * b.select(1, t).unsqueeze(-2);
    out.select(1, t).copy_(at::matmul(h, c.select(1, t).unsqueeze(-1)).squeeze(-1) + d * input);
  }
  return {out.reshape({batch, length, call.heads * call.head_dim}), h};
}

at::Tensor gate(const at::Tensor& y, const at::Tensor& z) {
  return wide(y) * silu_of(wide(z));
}

at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps) {
  return normalized(wide(x), eps) * wide(weight);
}

at::Tensor gated_rms_norm(const at::Tensor& y, const at::Tensor& z, const at::Tensor& weight,
                          std::int64_t group_size, double eps) {
  const std::int64_t channels = y.size(-1);
  const at::Tensor groups = gate(y, z).reshape({-1, channels / group_size, group_size});
  return normalized(groups, eps).reshape({-1, channels}) * wide(weight);
}

at::Tensor scaled(const at::Tensor& x, const RowScale& scale) {
  if (!scale.squares.defined()) return wide(x);
  const at::Tensor mean =
      scale.squares.sum(-1, /*keepdim=*/true, at::kDouble) / static_cast<double>(scale.channels);
  return wide(x) / at::sqrt(mean + scale.eps);
}

at::Tensor linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  const at::Tensor out = at::matmul(wide(x), wide(weight).t());
  return bias.defined() ? out + wide(bias) : out;
}

}  // namespace ssmprof::workloads::exact
