#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "workloads/checkpoint.hpp"
#include "workloads/component.hpp"
#include "workloads/execution.hpp"

namespace ssmprof::workloads {

/// How far the operations of one component are from fp64 on the very inputs they were given:
/// ‖out − ref‖ / ‖ref‖ over everything a call wrote, of the call that is worst measured by its
/// limit (by the error where there is none).
struct ComponentError {
  Component component = Component::other;
  std::string stage;  ///< "prefill" from zero, "continue" several tokens from a state, "decode"
  /// "output", the final "state", the "sum" that a fused norm stores, and of fused decode steps
  /// what was "convolved" and the sums of "squares" for the next norm.
  std::string what;
  int layer = -1;    ///< of that call; -1 for what belongs to no layer
  double error = 0;  ///< infinity when anything is not finite
  /// What fp64 is off by when rounded once to the result's type, or to the coarser type of the
  /// operands that the result is summed from (`rounding_limit` below).
  double rounding = 0;
  /// Empty: nothing is asked (the torch backend's own operations are the baseline).
  std::optional<double> limit;

  bool good() const { return !limit || error <= *limit; }
};

/// What a kernel may be off by when its result has this type, little more than one rounding: also
/// a sum in fp32 whose operands have it, as the states of the SSD in the matrix units of a GPU.
constexpr double rounding_limit(kernels::DType type) {
  return type == kernels::DType::f32 ? 1e-5 : type == kernels::DType::f16 ? 3e-4 : 2e-3;
}

/// Runs every stage over `tokens` on a model of its own and holds each operation against fp64. Of
/// `spec`, backend, device, dtypes, fusion and threads matter. Limits: rounding_limit() of the
/// result's type, or a tenth above `rounding` where that is more (few values); 0 for the
/// convolution's state, which is a copy; none for the torch backend except that and the GEMMs.
/// Throws as make_model() and Model::prefill_logits() do.
std::vector<ComponentError> component_errors(std::shared_ptr<const Checkpoint> checkpoint,
                                             const ExecutionSpec& spec, const TokenBatch& tokens);

}  // namespace ssmprof::workloads
