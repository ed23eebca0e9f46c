#pragma once

#include <ATen/ATen.h>
#include <limits>
#include <memory>

#include "workloads/execution.hpp"

namespace ssmprof::workloads {

// What the two backends do differently, and the GEMMs, which are the same library call in both
// except where the native backend has something faster.
// The other library calls (embedding, residual add) stay in the model. B batch, L length, T = B·L
// tokens; the channel dimension of every row tensor is contiguous, its rows may be strided views of
// a packed buffer.

/// Causal depthwise convolution and SiLU over x [B, L, C].
struct ConvCall {
  at::Tensor x;
  at::Tensor weight;  ///< [C, K]
  at::Tensor bias;    ///< [C] or undefined
  at::Tensor state;  ///< [B, K-1, C], the rows before x when from_state; written with the last ones
  bool from_state = false;
};

/// Mamba-1: u, delta [B, L, C]; b, c [B, L, N]; softplus and bias are applied to delta.
struct ScanCall {
  at::Tensor u, delta, b, c;
  at::Tensor z;                 ///< [B, L, C]: gate in the same range; undefined: no gate
  at::Tensor a, d, delta_bias;  ///< fp32 [C, N], [C], [C]
  at::Tensor state;             ///< [B, C, N], read when from_state, always written
  bool from_state = false;
  at::Tensor dt_weight;  ///< scan_step: [C, R], delta is [B, L, R] then; undefined: no product
};

/// Mamba-2: x [B, L, H·P]; b, c [B, L, G·N]; dt [B, L, H]; softplus, bias and limits on dt.
struct SsdCall {
  at::Tensor x, b, c, dt;
  at::Tensor a, d, dt_bias;  ///< fp32 [H]
  std::int64_t heads = 0, head_dim = 0, groups = 1, state_size = 0;
  std::int64_t chunk = 0;  ///< of the configuration; the native kernel chooses its own
  float dt_min = 0.0F, dt_max = std::numeric_limits<float>::infinity();
  at::Tensor state;  ///< [B, H, P, N], read when from_state, always written
  bool from_state = false;
  /// Gate z [B, L, H·P], the next norm's weight [H·P] (its scale is applied later) and fp32
  /// [B·L, parts] that receive the sums of squares. All or none. Native backend only.
  at::Tensor z, norm_weight, squares;
};

/// The scale that an RMSNorm left to be applied to rows (kernels/rms_norm.hpp).
struct RowScale {
  at::Tensor squares;  ///< fp32 [T, parts]; undefined: no scale
  std::int64_t channels = 0;
  double eps = 0;
};

/// What a fused decode step hands from layer to layer: the residual stream [B, D], its values times
/// the next norm's weight, and fp32 [B, parts] whose sum is that of its squares.
struct StepStream {
  at::Tensor residual, next, squares;
};

/// A linear layer of a fused decode step (kernels/linear.hpp): x [B, I], scaled by `squares` when
/// defined; then a step of the convolution over some of its outputs, or the residual.
struct StepLinearCall {
  at::Tensor x, weight, bias;
  at::Tensor squares;  ///< [B, parts] of x before its weight
  double eps = 0;
  at::Tensor conv_weight, conv_bias, conv_state;  ///< as in ConvCall; undefined: no convolution
  std::int64_t conv_first = 0;                    ///< of the outputs
  StepStream* stream = nullptr;                   ///< added to, then filled for the next norm
  at::Tensor norm_weight;                         ///< of the next norm
};
struct StepLinearResult {
  at::Tensor y;          ///< [B, O], undefined with a stream; what was convolved is not in it
  at::Tensor convolved;  ///< [B, C]
};

/// One backend. Outputs are fresh contiguous tensors; `*_step` take L = 1 and a state to continue.
class Ops {
 public:
  virtual ~Ops() = default;
  /// Whether a kernel may start before the one ahead has ended (kernels/launch.hpp): only in passes
  /// that nobody takes apart. Holds until said otherwise.
  virtual void overlap(bool /*allowed*/) {}
  virtual at::Tensor conv(const ConvCall& call) = 0;       ///< [B, L, C]
  virtual at::Tensor conv_step(const ConvCall& call) = 0;  ///< [B, 1, C]
  virtual at::Tensor scan(const ScanCall& call) = 0;       ///< [B, L, C]
  virtual at::Tensor scan_step(const ScanCall& call) = 0;
  virtual at::Tensor ssd(const SsdCall& call) = 0;  ///< [B, L, H·P]
  virtual at::Tensor ssd_step(const SsdCall& call) = 0;
  /// y · SiLU(z), [B, L, C].
  virtual at::Tensor gate(const at::Tensor& y, const at::Tensor& z) = 0;
  /// x [T, D] of any dtype; the result has the dtype of `weight`.
  virtual at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps) = 0;
  /// Adds x, times `scale`, to `residual` and normalizes the sum; stores it when `keep`. Native
  /// backend only.
  virtual at::Tensor add_rms_norm(const at::Tensor& x, const RowScale& scale, at::Tensor& residual,
                                  bool keep, const at::Tensor& weight, double eps) = 0;
  /// y [T, C], z [T, C]: y · SiLU(z), then RMSNorm of each `group_size` channels.
  virtual at::Tensor gated_rms_norm(const at::Tensor& y, const at::Tensor& z,
                                    const at::Tensor& weight, std::int64_t group_size,
                                    double eps) = 0;
  /// Fused decode steps, where plan.hpp's step_fusion() says so. Native backend only.
  virtual StepLinearResult linear_step(const StepLinearCall& call) = 0;
  virtual StepStream embed_step(const at::Tensor& ids, const at::Tensor& table,
                                at::ScalarType residual_type, const at::Tensor& norm_weight) = 0;
  /// The first of the largest of each row of logits [B, V], into next (int64 [B]); by the library
  /// where not overridden.
  virtual void greedy(const at::Tensor& logits, at::Tensor next) {
    at::argmax_out(next, logits, -1);
  }
  /// x [T, I], weight [O, I], bias [O] or undefined: [T, O], by the library where not overridden.
  virtual at::Tensor linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
    return at::linear(x, weight, bias);
  }
};

/// Of `spec`: backend, device, threads.
std::unique_ptr<Ops> make_ops(const ExecutionSpec& spec);
std::unique_ptr<Ops> make_torch_ops();
std::unique_ptr<Ops> make_native_ops(const ExecutionSpec& spec);

}  // namespace ssmprof::workloads
