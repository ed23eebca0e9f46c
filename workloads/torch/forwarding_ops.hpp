#pragma once

#include <memory>
#include <utility>

#include "workloads/torch/ops.hpp"

namespace ssmprof::workloads {

/// Passes every operation on to another backend; decorators override what they change.
class ForwardingOps : public Ops {
 public:
  explicit ForwardingOps(std::unique_ptr<Ops> inner) : inner_(std::move(inner)) {}

  void overlap(bool allowed) override { inner_->overlap(allowed); }
  at::Tensor conv(const ConvCall& call) override { return inner_->conv(call); }
  at::Tensor conv_step(const ConvCall& call) override { return inner_->conv_step(call); }
  at::Tensor scan(const ScanCall& call) override { return inner_->scan(call); }
  at::Tensor scan_step(const ScanCall& call) override { return inner_->scan_step(call); }
  at::Tensor ssd(const SsdCall& call) override { return inner_->ssd(call); }
  at::Tensor ssd_step(const SsdCall& call) override { return inner_->ssd_step(call); }
  at::Tensor gate(const at::Tensor& y, const at::Tensor& z) override { return inner_->gate(y, z); }
  at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps) override {
    return inner_->rms_norm(x, weight, eps);
  }
  at::Tensor add_rms_norm(const at::Tensor& x, const RowScale& scale, at::Tensor& residual,
                          bool keep, const at::Tensor& weight, double eps) override {
    return inner_->add_rms_norm(x, scale, residual, keep, weight, eps);
  }
  at::Tensor gated_rms_norm(const at::Tensor& y, const at::Tensor& z, const at::Tensor& weight,
                            std::int64_t group_size, double eps) override {
    return inner_->gated_rms_norm(y, z, weight, group_size, eps);
  }
  void greedy(const at::Tensor& logits, at::Tensor next) override {
    inner_->greedy(logits, std::move(next));
  }
  StepLinearResult linear_step(const StepLinearCall& call) override {
    return inner_->linear_step(call);
  }
  StepStream embed_step(const at::Tensor& ids, const at::Tensor& table,
                        at::ScalarType residual_type, const at::Tensor& norm_weight) override {
    return inner_->embed_step(ids, table, residual_type, norm_weight);
  }
  at::Tensor linear(const at::Tensor& x, const at::Tensor& weight,
                    const at::Tensor& bias) override {
    return inner_->linear(x, weight, bias);
  }

 protected:
  std::unique_ptr<Ops> inner_;
};

}  // namespace ssmprof::workloads
