#include <algorithm>

#include "workloads/torch/torch_recurrence.hpp"

namespace ssmprof::workloads {
namespace {

/// `count` whole chunks of length `q` beginning at token `begin`; advances `state` [B, H, P, N]
/// and writes the rows of `out`.
void run_chunks(const SsdCall& call, std::int64_t begin, std::int64_t count, std::int64_t q,
                at::Tensor& state, at::Tensor& out) {
  const std::int64_t batch = call.x.size(0), heads = call.heads, p = call.head_dim;
  const std::int64_t groups = call.groups, per = heads / groups, n = call.state_size;
  const auto chunks = [&](const at::Tensor& t, std::int64_t outer, std::int64_t inner) {
    return t.narrow(1, begin, count * q).to(at::kFloat).reshape({batch, count, q, outer, inner});
  };
  const at::Tensor dt =
      at::softplus(call.dt.narrow(1, begin, count * q).to(at::kFloat) + call.dt_bias)
          .clamp_(call.dt_min, call.dt_max)
          .view({batch, count, q, heads});
  const at::Tensor x = chunks(call.x, heads, p);
  const at::Tensor b = chunks(call.b, groups, n).transpose(2, 3);  // [B, c, G, Q, N]
  const at::Tensor c = chunks(call.c, groups, n).transpose(2, 3);
  const at::Tensor cum = (dt * call.a).cumsum(2).permute({0, 1, 3, 2}).contiguous();  // [B,c,H,Q]
  const at::Tensor xdt = (x * dt.unsqueeze(-1)).permute({0, 1, 3, 2, 4});  // [B, c, H, Q, P]

  // Within the chunks: (L ∘ C·Bᵀ) · X, the decays L under the causal mask.
  at::Tensor decays = cum.unsqueeze(-1) - cum.unsqueeze(-2);  // [B, c, H, Q, Q]
  const at::Tensor future = at::ones({q, q}, cum.options().dtype(at::kBool)).triu_(1);
  decays.masked_fill_(future, -std::numeric_limits<float>::infinity()).exp_();
  const at::Tensor scores = at::matmul(c, b.transpose(-1, -2)).unsqueeze(3);  // [B, c, G, 1, Q, Q]
  decays.view({batch, count, groups, per, q, q}).mul_(scores);
  at::Tensor y = at::matmul(decays, xdt);  // [B, c, H, Q, P]
  decays.reset();

  // Each chunk's own contribution to the state, then the states that enter the chunks.
  const at::Tensor total = cum.select(-1, q - 1);  // [B, c, H]
  const at::Tensor to_end = at::exp(total.unsqueeze(-1) - cum).unsqueeze(-1);
  const at::Tensor weighted = (xdt * to_end)
                                  .view({batch, count, groups, per, q, p})
                                  .transpose(-1, -2)
                                  .reshape({batch, count, groups, per * p, q});
  at::Tensor states = at::matmul(weighted, b).view({batch, count, heads, p, n});
  const at::Tensor passed = at::exp(total).view({batch, count, heads, 1, 1});
  for (std::int64_t i = 0; i < count; ++i) {
    at::Tensor own = states.select(1, i);
    at::Tensor next = at::addcmul(own, passed.select(1, i), state);
    own.copy_(state);
    state = next;
  }

  // What the entering states add, and the skip.
  const at::Tensor entering = states.view({batch, count, groups, per * p, n}).transpose(-1, -2);
  const at::Tensor from_before = at::matmul(c, entering)  // [B, c, G, Q, per·P]
                                     .view({batch, count, groups, q, per, p})
                                     .permute({0, 1, 2, 4, 3, 5});
  y.view({batch, count, groups, per, q, p})
      .addcmul_(from_before, cum.exp().view({batch, count, groups, per, q, 1}));
  at::Tensor rows = y.permute({0, 1, 3, 2, 4});  // [B, c, Q, H, P]
  rows.addcmul_(x, call.d.unsqueeze(-1));
  out.narrow(1, begin, count * q).view({batch, count, q, heads, p}).copy_(rows);
}

}  // namespace

at::Tensor torch_ssd(const SsdCall& call) {
  const std::int64_t batch = call.x.size(0), length = call.x.size(1);
  const std::int64_t q = std::min(call.chunk > 0 ? call.chunk : length, length);
  const auto options = call.x.options().dtype(at::kFloat);
  at::Tensor state = call.from_state
                         ? call.state.to(at::kFloat)
                         : at::zeros({batch, call.heads, call.head_dim, call.state_size}, options);
  at::Tensor out = at::empty({batch, length, call.heads * call.head_dim}, call.x.options());

  const std::int64_t per_chunk =
      batch * call.heads * q * q * static_cast<std::int64_t>(sizeof(float));
  const std::int64_t at_once =
      std::max<std::int64_t>(1, recurrence_budget(call.x.device()) / per_chunk);
  const std::int64_t whole = length / q;
  for (std::int64_t chunk = 0; chunk < whole; chunk += at_once) {
    run_chunks(call, chunk * q, std::min(at_once, whole - chunk), q, state, out);
  }
  if (whole * q < length) run_chunks(call, whole * q, 1, length - whole * q, state, out);
  call.state.copy_(state);
  return out;
}

}  // namespace ssmprof::workloads
