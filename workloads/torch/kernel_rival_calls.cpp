#include "workloads/torch/kernel_rival_calls.hpp"

#include "workloads/torch/common.hpp"

namespace ssmprof::workloads {
namespace {

/// What the published Mamba-2 models cut the sequence into.
constexpr std::int64_t kChunk = 256;

/// Memory of the arguments as tensors.
class View {
 public:
  View(at::Device device, std::int32_t dtype) : device_(device), dtype_(dtype) {}

  /// [batch, length, width]; undefined when not given.
  at::Tensor rows(const ssmprof_peer_rows& r, std::int64_t batch, std::int64_t length,
                  std::int64_t width) const {
    if (r.data == nullptr) return {};
    return at::from_blob(r.data, {batch, length, width}, {r.batch_stride, r.row_stride, 1},
                         options(dtype_));
  }
  /// [tokens, width].
  at::Tensor tokens(const ssmprof_peer_rows& r, std::int64_t tokens, std::int64_t width) const {
    if (r.data == nullptr) return {};
    return at::from_blob(r.data, {tokens, width}, {r.row_stride, 1}, options(dtype_));
  }
  at::Tensor dense(const void* data, at::IntArrayRef sizes) const {
    if (data == nullptr) return {};
    return at::from_blob(const_cast<void*>(data), sizes, options(dtype_));
  }
  View as(std::int32_t dtype) const { return {device_, dtype}; }
  View floats() const { return as(SSMPROF_PEER_F32); }
  /// What a call continues and leaves: the final state with the initial one copied into it, or a
  /// temporary where it is not wanted.
  at::Tensor state(const void* initial, const void* final_state, at::IntArrayRef sizes) const {
    at::Tensor state =
        final_state != nullptr ? dense(final_state, sizes) : at::empty(sizes, options(dtype_));
    if (initial != nullptr && initial != final_state) state.copy_(dense(initial, sizes));
    return state;
  }

 private:
  at::TensorOptions options(std::int32_t dtype) const {
    const auto type = dtype == SSMPROF_PEER_BF16  ? at::kBFloat16
                      : dtype == SSMPROF_PEER_F16 ? at::kHalf
                                                  : at::kFloat;
    return at::TensorOptions().device(device_).dtype(type);
  }
  at::Device device_;
  std::int32_t dtype_;
};

/// What every SSD call has; `length` rows of x, B, C.
template <class Args>
SsdCall ssd_call(const View& view, const Args& a) {
  SsdCall call;
  call.heads = a.heads, call.head_dim = a.head_dim, call.groups = a.groups;
  call.state_size = a.state, call.chunk = kChunk;
  call.dt_min = a.dt_min, call.dt_max = a.dt_max;
  call.a = view.floats().dense(a.a, {a.heads});
  call.d = view.floats().dense(a.d, {a.heads});
  call.dt_bias = view.floats().dense(a.dt_bias, {a.heads});
  return call;
}

/// The torch backend always has a skip, a bias and softplus, as every model does.
template <class Args>
bool as_models_have_it(const Args& a) {
  if constexpr (requires { a.dt_bias; })
    return a.dt_softplus != 0 && a.d != nullptr && a.dt_bias != nullptr;
  else
    return a.delta_softplus != 0 && a.d != nullptr && a.delta_bias != nullptr;
}

}  // namespace

KernelRivalCalls::KernelRivalCalls(const ExecutionSpec& spec)
    : device_(device_of(spec)), ops_(make_torch_ops()) {
  add<ssmprof_peer_causal_conv1d_args>("causal_conv1d");
  add<ssmprof_peer_causal_conv1d_update_args>("causal_conv1d_update");
  add<ssmprof_peer_selective_scan_args>("selective_scan");
  add<ssmprof_peer_selective_state_update_args>("selective_state_update");
  add<ssmprof_peer_ssd_args>("ssd");
  add<ssmprof_peer_ssd_state_update_args>("ssd_state_update");
  add<ssmprof_peer_ssd_step_args>("ssd_step");
  add<ssmprof_peer_gate_args>("gate");
  add<ssmprof_peer_rms_norm_args>("rms_norm");
  add<ssmprof_peer_gated_rms_norm_args>("gated_rms_norm");
  add<ssmprof_peer_linear_args>("linear");
}

int KernelRivalCalls::call(const ssmprof_peer_causal_conv1d_args& a) {
  if (a.silu == 0) return SSMPROF_PEER_UNSUPPORTED;
  const View view(device_, a.dtype);
  ConvCall given;
  given.x = view.rows(a.x, a.batch, a.length, a.channels);
  given.weight = view.dense(a.weight, {a.channels, a.width});
  given.bias = view.dense(a.bias, {a.channels});
  given.state = view.state(a.initial_state, a.final_state, {a.batch, a.width - 1, a.channels});
  given.from_state = a.initial_state != nullptr;
  const at::Tensor out = ops_->conv(given);
  if (hand_over_) view.rows(a.out, a.batch, a.length, a.channels).copy_(out);
  return 0;
}

int KernelRivalCalls::call(const ssmprof_peer_causal_conv1d_update_args& a) {
  if (a.silu == 0) return SSMPROF_PEER_UNSUPPORTED;
  const View view(device_, a.dtype);
  ConvCall given;
  given.x = view.rows(a.x, a.batch, 1, a.channels);
  given.weight = view.dense(a.weight, {a.channels, a.width});
  given.bias = view.dense(a.bias, {a.channels});
  given.state = view.dense(a.state, {a.batch, a.width - 1, a.channels});
  given.from_state = true;
  const at::Tensor out = ops_->conv_step(given);
  if (hand_over_) view.rows(a.out, a.batch, 1, a.channels).copy_(out);
  return 0;
}

int KernelRivalCalls::call(const ssmprof_peer_selective_scan_args& a) {
  if (!as_models_have_it(a)) return SSMPROF_PEER_UNSUPPORTED;
  const View view(device_, a.dtype);
  ScanCall given;
  given.u = view.rows(a.u, a.batch, a.length, a.channels);
  given.delta = view.rows(a.delta, a.batch, a.length, a.channels);
  given.b = view.rows(a.b, a.batch, a.length, a.state);
  given.c = view.rows(a.c, a.batch, a.length, a.state);
  given.z = view.rows(a.z, a.batch, a.length, a.channels);
  given.a = view.floats().dense(a.a, {a.channels, a.state});
  given.d = view.floats().dense(a.d, {a.channels});
  given.delta_bias = view.floats().dense(a.delta_bias, {a.channels});
  given.state = view.floats().state(a.initial_state, a.final_state, {a.batch, a.channels, a.state});
  given.from_state = a.initial_state != nullptr;
  const at::Tensor out = ops_->scan(given);
  if (hand_over_) view.rows(a.out, a.batch, a.length, a.channels).copy_(out);
  return 0;
}

int KernelRivalCalls::call(const ssmprof_peer_selective_state_update_args& a) {
  if (!as_models_have_it(a)) return SSMPROF_PEER_UNSUPPORTED;
  const View view(device_, a.dtype);
  ScanCall given;
  given.u = view.rows(a.u, a.batch, 1, a.channels);
  given.delta = view.rows(a.delta, a.batch, 1, a.channels);
  given.b = view.rows(a.b, a.batch, 1, a.state);
  given.c = view.rows(a.c, a.batch, 1, a.state);
  given.z = view.rows(a.z, a.batch, 1, a.channels);
  given.a = view.floats().dense(a.a, {a.channels, a.state});
  given.d = view.floats().dense(a.d, {a.channels});
  given.delta_bias = view.floats().dense(a.delta_bias, {a.channels});
  given.state = view.as(a.state_dtype).dense(a.ssm_state, {a.batch, a.channels, a.state});
  given.from_state = true;
  const at::Tensor out = ops_->scan_step(given);
  if (hand_over_) view.rows(a.out, a.batch, 1, a.channels).copy_(out);
  return 0;
}

int KernelRivalCalls::call(const ssmprof_peer_ssd_args& a) {
  if (!as_models_have_it(a)) return SSMPROF_PEER_UNSUPPORTED;
  const View view(device_, a.dtype);
  const std::int64_t inner = a.heads * a.head_dim, bc = a.groups * a.state;
  SsdCall given = ssd_call(view, a);
  given.x = view.rows(a.x, a.batch, a.length, inner);
  given.b = view.rows(a.b, a.batch, a.length, bc);
  given.c = view.rows(a.c, a.batch, a.length, bc);
  given.dt = view.rows(a.dt, a.batch, a.length, a.heads);
  given.state =
      view.floats().state(a.initial_state, a.final_state, {a.batch, a.heads, a.head_dim, a.state});
  given.from_state = a.initial_state != nullptr;
  at::Tensor out = ops_->ssd(given);
  if (a.z.data != nullptr) out = ops_->gate(out, view.rows(a.z, a.batch, a.length, inner));
  if (hand_over_) view.rows(a.out, a.batch, a.length, inner).copy_(out);
  return 0;
}

int KernelRivalCalls::call(const ssmprof_peer_ssd_state_update_args& a) {
  if (!as_models_have_it(a)) return SSMPROF_PEER_UNSUPPORTED;
  const View view(device_, a.dtype);
  const std::int64_t inner = a.heads * a.head_dim, bc = a.groups * a.state;
  SsdCall given = ssd_call(view, a);
  given.x = view.rows(a.x, a.batch, 1, inner);
  given.b = view.rows(a.b, a.batch, 1, bc);
  given.c = view.rows(a.c, a.batch, 1, bc);
  given.dt = view.rows(a.dt, a.batch, 1, a.heads);
  given.state = view.as(a.state_dtype).dense(a.ssm_state, {a.batch, a.heads, a.head_dim, a.state});
  given.from_state = true;
  at::Tensor out = ops_->ssd_step(given);
  if (a.z.data != nullptr) out = ops_->gate(out, view.rows(a.z, a.batch, 1, inner));
  if (hand_over_) view.rows(a.out, a.batch, 1, inner).copy_(out);
  return 0;
}

int KernelRivalCalls::call(const ssmprof_peer_ssd_step_args& a) {
  if (!as_models_have_it(a)) return SSMPROF_PEER_UNSUPPORTED;
  const View view(device_, a.dtype);
  const std::int64_t inner = a.heads * a.head_dim, bc = a.groups * a.state;
  const std::int64_t channels = inner + 2 * bc;
  ConvCall conv;
  conv.x = view.rows(a.xbc, a.batch, 1, channels);
  conv.weight = view.dense(a.conv_weight, {channels, a.width});
  conv.bias = view.dense(a.conv_bias, {channels});
  conv.state = view.dense(a.conv_state, {a.batch, a.width - 1, channels});
  conv.from_state = true;
  const at::Tensor xbc = ops_->conv_step(conv);
  SsdCall given = ssd_call(view, a);
  given.x = xbc.narrow(2, 0, inner);
  given.b = xbc.narrow(2, inner, bc), given.c = xbc.narrow(2, inner + bc, bc);
  given.dt = view.rows(a.dt, a.batch, 1, a.heads);
  given.state = view.as(a.state_dtype).dense(a.ssm_state, {a.batch, a.heads, a.head_dim, a.state});
  given.from_state = true;
  at::Tensor out = ops_->ssd_step(given);
  if (a.z.data != nullptr) out = ops_->gate(out, view.rows(a.z, a.batch, 1, inner));
  if (hand_over_) view.rows(a.out, a.batch, 1, inner).copy_(out);
  return 0;
}

int KernelRivalCalls::call(const ssmprof_peer_gate_args& a) {
  const View view(device_, a.dtype);
  const at::Tensor out = ops_->gate(view.rows(a.y, a.batch, a.length, a.channels),
                                    view.rows(a.z, a.batch, a.length, a.channels));
  if (hand_over_) view.rows(a.out, a.batch, a.length, a.channels).copy_(out);
  return 0;
}

int KernelRivalCalls::call(const ssmprof_peer_rms_norm_args& a) {
  const View view(device_, a.dtype), stored = view.as(a.residual_dtype);
  at::Tensor x = view.as(a.x_dtype).tokens(a.x, a.tokens, a.channels);
  if (a.residual.data != nullptr) {
    const at::Tensor residual = stored.tokens(a.residual, a.tokens, a.channels);
    at::Tensor sum = a.residual_out.data != nullptr
                         ? stored.tokens(a.residual_out, a.tokens, a.channels)
                         : at::empty_like(residual);
    x = at::add_out(sum, residual, x);
  }
  const at::Tensor out = ops_->rms_norm(x, view.dense(a.weight, {a.channels}), a.eps);
  if (hand_over_) view.tokens(a.out, a.tokens, a.channels).copy_(out);
  return 0;
}

int KernelRivalCalls::call(const ssmprof_peer_gated_rms_norm_args& a) {
  const View view(device_, a.dtype);
  const at::Tensor out = ops_->gated_rms_norm(
      view.tokens(a.y, a.tokens, a.channels), view.tokens(a.z, a.tokens, a.channels),
      view.dense(a.weight, {a.channels}), a.group_size, a.eps);
  if (hand_over_) view.tokens(a.out, a.tokens, a.channels).copy_(out);
  return 0;
}

int KernelRivalCalls::call(const ssmprof_peer_linear_args& a) {
  const View view(device_, a.dtype);
  const at::Tensor y =
      ops_->linear(view.tokens(a.x, a.rows, a.inputs), view.dense(a.weight, {a.outputs, a.inputs}),
                   view.dense(a.bias, {a.outputs}));
  if (hand_over_) view.tokens(a.y, a.rows, a.outputs).copy_(y);
  return 0;
}

}  // namespace ssmprof::workloads
