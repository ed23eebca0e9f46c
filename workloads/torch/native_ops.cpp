#include "kernels/argmax.hpp"
#include "kernels/causal_conv1d.hpp"
#include "kernels/gate.hpp"
#include "kernels/linear.hpp"
#include "kernels/rms_norm.hpp"
#include "kernels/selective_scan.hpp"
#include "kernels/ssd.hpp"
#include "workloads/torch/device.hpp"
#include "workloads/torch/native_steps.hpp"
#include "workloads/torch/native_views.hpp"
#include "workloads/torch/ops.hpp"

namespace ssmprof::workloads {
namespace {

using native::dtype_of;
using native::pointer;
using native::rows2;
using native::rows3;

/// The kernels of this project on the tensors' memory, on the device's current stream.
class NativeOps : public Ops {
 public:
  explicit NativeOps(const ExecutionSpec& spec)
      : device_(spec.device), index_(spec.device_index), threads_(spec.threads) {}

  void overlap(bool allowed) override { overlap_ = allowed; }

  at::Tensor conv(const ConvCall& call) override {
    at::Tensor out = like_rows(call.x);
    kernels::causal_conv1d(conv_args(call, out), launch());
    return out;
  }

  at::Tensor conv_step(const ConvCall& call) override {
    at::Tensor out = like_rows(call.x);
    kernels::causal_conv1d_update(conv_args(call, out), launch());
    return out;
  }

  at::Tensor scan(const ScanCall& call) override {
    at::Tensor out = like_rows(call.u);
    kernels::SelectiveScanArgs args;
    args.dtype = dtype_of(call.u);
    args.batch = call.u.size(0), args.length = call.u.size(1), args.channels = call.u.size(2);
    args.state = call.a.size(1);
    args.u = rows3(call.u), args.delta = rows3(call.delta);
    args.b = rows3(call.b), args.c = rows3(call.c), args.z = rows3(call.z);
    args.a = pointer<float>(call.a), args.d = pointer<float>(call.d);
    args.delta_bias = pointer<float>(call.delta_bias);
    const at::Tensor state = float_state(call.state, call.from_state);
    args.initial_state = call.from_state ? pointer<float>(state) : nullptr;
    args.final_state = pointer<float>(state);
    args.out = rows3(out);
    const kernels::Launch where = launch();
    const at::Tensor scratch = workspace(kernels::selective_scan_workspace(args, where), out);
    args.workspace = pointer(scratch);
    kernels::selective_scan(args, where);
    store_state(state, call.state);
    return out;
  }

  at::Tensor scan_step(const ScanCall& call) override {
    at::Tensor out = like_rows(call.u);
    kernels::SelectiveStateUpdateArgs args;
    args.dtype = dtype_of(call.u), args.state_dtype = dtype_of(call.state);
    args.batch = call.u.size(0), args.channels = call.u.size(2), args.state = call.a.size(1);
    args.u = rows3(call.u), args.delta = rows3(call.delta);
    args.b = rows3(call.b), args.c = rows3(call.c), args.z = rows3(call.z);
    args.a = pointer<float>(call.a), args.d = pointer<float>(call.d);
    args.delta_bias = pointer<float>(call.delta_bias);
    args.ssm_state = pointer(call.state);
    args.out = rows3(out);
    if (call.dt_weight.defined()) {
      args.rank = call.dt_weight.size(1), args.dt_weight = pointer(call.dt_weight);
      args.state_settled = true;  // by the layer's step of the token before
    }
    kernels::selective_state_update(args, launch());
    return out;
  }

  at::Tensor ssd(const SsdCall& call) override {
    at::Tensor out = like_rows(call.x);
    kernels::SsdArgs args;
    args.dtype = dtype_of(call.x);
    args.batch = call.x.size(0), args.length = call.x.size(1);
    args.heads = call.heads, args.head_dim = call.head_dim, args.groups = call.groups;
    args.state = call.state_size, args.chunk = 0;
    args.x = rows3(call.x), args.b = rows3(call.b), args.c = rows3(call.c);
    args.dt = rows3(call.dt);
    args.a = pointer<float>(call.a), args.d = pointer<float>(call.d);
    args.dt_bias = pointer<float>(call.dt_bias);
    args.dt_min = call.dt_min, args.dt_max = call.dt_max;
    const at::Tensor state = float_state(call.state, call.from_state);
    args.initial_state = call.from_state ? pointer<float>(state) : nullptr;
    args.final_state = pointer<float>(state);
    args.out = rows3(out);
    args.z = rows3(call.z);
    args.norm_weight = pointer(call.norm_weight), args.squares = pointer<float>(call.squares);
    const kernels::Launch where = launch();
    const at::Tensor scratch = workspace(kernels::ssd_workspace(args, where), out);
    args.workspace = pointer(scratch);
    kernels::ssd(args, where);
    store_state(state, call.state);
    return out;
  }

  at::Tensor ssd_step(const SsdCall& call) override {
    at::Tensor out = like_rows(call.x);
    kernels::SsdStateUpdateArgs args;
    args.dtype = dtype_of(call.x), args.state_dtype = dtype_of(call.state);
    args.batch = call.x.size(0), args.heads = call.heads, args.head_dim = call.head_dim;
    args.groups = call.groups, args.state = call.state_size;
    args.x = rows3(call.x), args.b = rows3(call.b), args.c = rows3(call.c);
    args.dt = rows3(call.dt);
    args.a = pointer<float>(call.a), args.d = pointer<float>(call.d);
    args.dt_bias = pointer<float>(call.dt_bias);
    args.dt_min = call.dt_min, args.dt_max = call.dt_max;
    args.ssm_state = pointer(call.state);
    args.out = rows3(out);
    if (call.norm_weight.defined()) {
      args.z = rows3(call.z), args.norm_weight = pointer(call.norm_weight);
      args.squares = pointer<float>(call.squares);
      args.state_settled = true;  // by the layer's step of the token before
    }
    kernels::ssd_state_update(args, launch());
    return out;
  }

  at::Tensor gate(const at::Tensor& y, const at::Tensor& z) override {
    at::Tensor out = like_rows(y);
    kernels::GateArgs args;
    args.dtype = dtype_of(y);
    args.batch = y.size(0), args.length = y.size(1), args.channels = y.size(2);
    args.y = rows3(y), args.z = rows3(z), args.out = rows3(out);
    kernels::gate(args, launch());
    return out;
  }

  at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps) override {
    at::Tensor out = at::empty({x.size(0), x.size(1)}, weight.options());
    kernels::rms_norm(norm_args(x, weight, eps, out), launch());
    return out;
  }

  at::Tensor add_rms_norm(const at::Tensor& x, const RowScale& scale, at::Tensor& residual,
                          bool keep, const at::Tensor& weight, double eps) override {
    at::Tensor out = at::empty({x.size(0), x.size(1)}, weight.options());
    kernels::RmsNormArgs args = norm_args(x, weight, eps, out);
    args.residual_dtype = dtype_of(residual);
    args.residual = rows2(residual);
    if (scale.squares.defined()) {
      args.x_scale = {pointer<float>(scale.squares), scale.squares.stride(0), scale.squares.size(1),
                      scale.channels, static_cast<float>(scale.eps)};
    }
    if (keep) args.residual_out = rows2(residual);
    kernels::rms_norm(args, launch());
    return out;
  }

  at::Tensor gated_rms_norm(const at::Tensor& y, const at::Tensor& z, const at::Tensor& weight,
                            std::int64_t group_size, double eps) override {
    at::Tensor out = at::empty({y.size(0), y.size(1)}, y.options());
    kernels::GatedRmsNormArgs args;
    args.dtype = dtype_of(y);
    args.tokens = y.size(0), args.channels = y.size(1), args.group_size = group_size;
    args.y = rows2(y), args.z = rows2(z), args.out = rows2(out);
    args.weight = weight.data_ptr();
    args.eps = static_cast<float>(eps);
    kernels::gated_rms_norm(args, launch());
    return out;
  }

  /// Few rows, as in decoding, in 16 bits on the GPU, where that is faster; otherwise the library.
  at::Tensor linear(const at::Tensor& x, const at::Tensor& weight,
                    const at::Tensor& bias) override {
    kernels::LinearArgs args;
    args.dtype = dtype_of(weight);
    args.rows = x.size(0), args.inputs = x.size(1), args.outputs = weight.size(0);
    args.weight = weight.data_ptr(), args.bias = pointer(bias);
    if (device_ == kernels::Device::cpu || args.rows < 1 || args.rows > kernels::kLinearRows ||
        args.dtype == kernels::DType::f32 || x.scalar_type() != weight.scalar_type() ||
        x.stride(1) != 1 || !weight.is_contiguous() || !kernels::linear_pays(args, launch())) {
      return Ops::linear(x, weight, bias);
    }
    at::Tensor y = at::empty({args.rows, args.outputs}, x.options());
    args.x = rows2(x), args.y = rows2(y);
    kernels::linear(args, launch());
    return y;
  }

  void greedy(const at::Tensor& logits, at::Tensor next) override {
    if (device_ == kernels::Device::cpu) return Ops::greedy(logits, next);
    kernels::argmax({dtype_of(logits), logits.size(0), logits.size(1), rows2(logits),
                     next.data_ptr<std::int64_t>()},
                    launch());
  }

  StepLinearResult linear_step(const StepLinearCall& call) override {
    return native::linear_step(call, launch());
  }
  StepStream embed_step(const at::Tensor& ids, const at::Tensor& table,
                        at::ScalarType residual_type, const at::Tensor& norm_weight) override {
    return native::embed_step(ids, table, residual_type, norm_weight, launch());
  }

 private:
  kernels::Launch launch() const {
    return {device_, current_stream(device_, index_), threads_, overlap_};
  }

  static at::Tensor like_rows(const at::Tensor& t) { return at::empty(t.sizes(), t.options()); }

  /// The prefill kernels keep fp32 states: the state itself, or a temporary in its place.
  static at::Tensor float_state(const at::Tensor& state, bool given) {
    if (state.scalar_type() == at::kFloat) return state;
    return given ? state.to(at::kFloat)
                 : at::empty(state.sizes(), state.options().dtype(at::kFloat));
  }
  static void store_state(const at::Tensor& used, const at::Tensor& state) {
    if (!used.is_same(state)) state.copy_(used);
  }

  static at::Tensor workspace(std::size_t bytes, const at::Tensor& like) {
    if (bytes == 0) return {};
    return at::empty({static_cast<std::int64_t>(bytes)}, like.options().dtype(at::kByte));
  }

  static kernels::CausalConv1dArgs conv_args(const ConvCall& call, const at::Tensor& out) {
    kernels::CausalConv1dArgs args;
    args.dtype = dtype_of(call.x);
    args.batch = call.x.size(0), args.length = call.x.size(1), args.channels = call.x.size(2);
    args.width = call.weight.size(1);
    args.x = rows3(call.x);
    args.weight = call.weight.data_ptr();
    args.bias = pointer(call.bias);
    args.initial_state = call.from_state ? pointer(call.state) : nullptr;
    args.final_state = pointer(call.state);
    args.out = rows3(out);
    return args;
  }

  static kernels::RmsNormArgs norm_args(const at::Tensor& x, const at::Tensor& weight, double eps,
                                        const at::Tensor& out) {
    kernels::RmsNormArgs args;
    args.dtype = dtype_of(weight), args.x_dtype = dtype_of(x);
    args.tokens = x.size(0), args.channels = x.size(1);
    args.x = rows2(x), args.out = rows2(out);
    args.weight = weight.data_ptr();
    args.eps = static_cast<float>(eps);
    return args;
  }

  kernels::Device device_;
  int index_, threads_;
  bool overlap_ = false;
};

}  // namespace

std::unique_ptr<Ops> make_native_ops(const ExecutionSpec& spec) {
  return std::make_unique<NativeOps>(spec);
}

std::unique_ptr<Ops> make_ops(const ExecutionSpec& spec) {
  return spec.backend == Backend::native ? make_native_ops(spec) : make_torch_ops();
}

}  // namespace ssmprof::workloads
