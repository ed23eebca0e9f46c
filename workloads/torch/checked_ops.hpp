#pragma once

#include <string>
#include <vector>

#include "workloads/component_errors.hpp"
#include "workloads/range.hpp"
#include "workloads/torch/exact_ops.hpp"
#include "workloads/torch/forwarding_ops.hpp"

namespace ssmprof::workloads {

/// A backend whose every operation is computed once more in fp64 from the same inputs. As the
/// observer of the pass it learns which component of which layer an operation belongs to.
class CheckedOps : public ForwardingOps, public RangeObserver {
 public:
  CheckedOps(std::unique_ptr<Ops> inner, Backend backend);

  /// What follows runs as `stage`, in the ranges of this plan (which must outlive it).
  void begin_stage(const std::string& stage, const std::vector<RangeSpec>& ranges);

  void enter(int range) override { current_ = range; }
  void leave(int) override {}

  /// One entry per component, stage and result, in the order of their first calls.
  const std::vector<ComponentError>& errors() const { return errors_; }

  at::Tensor conv(const ConvCall& call) override;
  at::Tensor conv_step(const ConvCall& call) override;
  at::Tensor scan(const ScanCall& call) override;
  at::Tensor scan_step(const ScanCall& call) override;
  at::Tensor ssd(const SsdCall& call) override;
  at::Tensor ssd_step(const SsdCall& call) override;
  at::Tensor gate(const at::Tensor& y, const at::Tensor& z) override;
  at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps) override;
  at::Tensor add_rms_norm(const at::Tensor& x, const RowScale& scale, at::Tensor& residual,
                          bool keep, const at::Tensor& weight, double eps) override;
  at::Tensor gated_rms_norm(const at::Tensor& y, const at::Tensor& z, const at::Tensor& weight,
                            std::int64_t group_size, double eps) override;
  StepLinearResult linear_step(const StepLinearCall& call) override;
  StepStream embed_step(const at::Tensor& ids, const at::Tensor& table,
                        at::ScalarType residual_type, const at::Tensor& norm_weight) override;
  at::Tensor linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) override;

 private:
  struct Norms;  ///< squared, of one call

  template <typename Call>
  at::Tensor with_state(const Call& call, const exact::Result& expected,
                        at::Tensor (Ops::*operation)(const Call&), at::ScalarType state_type);
  at::Tensor checked_ssd(const SsdCall& call, at::Tensor (Ops::*operation)(const SsdCall&),
                         at::ScalarType sums_type);
  at::Tensor checked_conv(const ConvCall& call, at::Tensor (Ops::*operation)(const ConvCall&));
  /// Held against the limit of `type`: the result's, or a coarser one that its sums are formed in.
  void judge_stream(const StepStream& stream, const at::Tensor& sum, const at::Tensor& norm_weight);
  void judge(const char* what, const at::Tensor& got, const at::Tensor& expected,
             at::ScalarType type);
  void record(const char* what, const Norms& norms, std::optional<double> limit);
  std::optional<double> limit_of(at::ScalarType type, bool library) const;

  Backend backend_;
  std::string stage_;
  const std::vector<RangeSpec>* ranges_ = nullptr;
  int current_ = 0;
  std::vector<ComponentError> errors_;
};

}  // namespace ssmprof::workloads
