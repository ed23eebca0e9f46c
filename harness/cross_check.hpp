#pragma once

#include <optional>

#include "reports/report.hpp"
#include "workloads/execution.hpp"

namespace ssmprof::harness {

/// The verify phase of a profile with several backends: every backend's logits on the same short
/// input must be finite, and in fp32 agree with those of the first, by relative error in norm.
class CrossCheck {
 public:
  CrossCheck(const workloads::Checkpoint& checkpoint, const workloads::TokenBatch& tokens,
             std::uint64_t seed);

  /// Runs `model` and returns what was found, as a diagnostic of rule "verify.backends".
  reports::Diagnostic add(workloads::Model& model, const workloads::ExecutionSpec& spec);

  bool agrees() const { return agrees_; }

 private:
  workloads::TokenBatch input_;
  std::optional<workloads::LogitsTable> first_;
  workloads::Backend first_backend_ = workloads::Backend::torch;
  bool agrees_ = true;
};

}  // namespace ssmprof::harness
