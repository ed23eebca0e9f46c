#include <algorithm>
#include <cmath>

#include "workloads/torch/torch_recurrence.hpp"

namespace ssmprof::workloads {
namespace {

/// Turns `h` (inputs Δ·B·u) into states within strips that begin at zero, and `a` (decays) into
/// their running products; both [B, strips, steps, C, N].
void advance_strips(at::Tensor& a, at::Tensor& h) {
  for (std::int64_t j = 1; j < a.size(2); ++j) {
    at::Tensor now = h.select(2, j), decay = a.select(2, j);
    now.addcmul_(decay, h.select(2, j - 1));
    decay.mul_(a.select(2, j - 1));
  }
}

/// Adds what every strip inherits; `state` [B, C, N] enters the block and leaves it.
void carry_over(const at::Tensor& a, at::Tensor& h, at::Tensor& state) {
  const std::int64_t strips = a.size(1), last = a.size(2) - 1;
  at::Tensor carries = at::empty({a.size(0), strips, a.size(3), a.size(4)}, a.options());
  for (std::int64_t s = 0; s < strips; ++s) {
    carries.select(1, s).copy_(state);
    state = at::addcmul(h.select(1, s).select(1, last), a.select(1, s).select(1, last), state);
  }
  h.addcmul_(a, carries.unsqueeze(2));
}

}  // namespace

std::int64_t recurrence_budget(const at::Device& device) {
  return device.is_cuda() ? std::int64_t{512} << 20 : std::int64_t{2} << 20;
}

at::Tensor torch_scan(const ScanCall& call) {
  const std::int64_t batch = call.u.size(0), length = call.u.size(1), channels = call.u.size(2);
  const std::int64_t n = call.a.size(1);
  const auto options = call.u.options().dtype(at::kFloat);
  at::Tensor state =
      call.from_state ? call.state.to(at::kFloat) : at::zeros({batch, channels, n}, options);
  at::Tensor out = at::empty({batch, length, channels}, call.u.options());

  const std::int64_t per_token = batch * channels * n * static_cast<std::int64_t>(sizeof(float));
  std::int64_t block = std::max<std::int64_t>(1, recurrence_budget(call.u.device()) / per_token);
  block = std::min(block, length);
  const auto steps = static_cast<std::int64_t>(std::ceil(std::sqrt(static_cast<double>(block))));
  block = std::max(steps, block / steps * steps);  // whole strips; the rest is a block of its own

  for (std::int64_t begin = 0; begin < length;) {
    std::int64_t count = std::min(block, length - begin);
    std::int64_t m = steps;
    if (count < steps) {
      m = count;  // the tail: one strip
    } else {
      count = count / steps * steps;
    }
    const auto rows = [&](const at::Tensor& t) { return t.narrow(1, begin, count); };
    const at::Tensor u = rows(call.u).to(at::kFloat);
    const at::Tensor delta = at::softplus(rows(call.delta).to(at::kFloat) + call.delta_bias);
    const std::vector<std::int64_t> strips = {batch, count / m, m, channels, n};
    at::Tensor a = (delta.unsqueeze(-1) * call.a).exp_().view(strips);
    at::Tensor h =
        ((delta * u).unsqueeze(-1) * rows(call.b).to(at::kFloat).unsqueeze(2)).view(strips);
    advance_strips(a, h);
    carry_over(a, h, state);
    h = h.view({batch, count, channels, n});
    at::Tensor y = at::matmul(h, rows(call.c).to(at::kFloat).unsqueeze(-1)).squeeze(-1);
    y.addcmul_(call.d, u);
    rows(out).copy_(y);
    begin += count;
  }
  call.state.copy_(state);
  return out;
}

}  // namespace ssmprof::workloads
