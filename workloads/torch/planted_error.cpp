#include "workloads/torch/planted_error.hpp"

#include "workloads/torch/forwarding_ops.hpp"

namespace ssmprof::workloads {
namespace {

class FaultyOps : public ForwardingOps {
 public:
  FaultyOps(std::unique_ptr<Ops> inner, PlantedError error)
      : ForwardingOps(std::move(inner)), error_(error) {}

  at::Tensor scan(const ScanCall& call) override { return inner_->scan(spoiled(call)); }
  at::Tensor ssd(const SsdCall& call) override { return inner_->ssd(spoiled(call)); }
  at::Tensor scan_step(const ScanCall& call) override { return inner_->scan_step(stuck(call)); }
  at::Tensor ssd_step(const SsdCall& call) override { return inner_->ssd_step(stuck(call)); }

  at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps) override {
    return inner_->rms_norm(x, weight, error_ == PlantedError::norm ? eps + 0.01 : eps);
  }

  at::Tensor linear(const at::Tensor& x, const at::Tensor& weight,
                    const at::Tensor& bias) override {
    if (error_ != PlantedError::gemm) return inner_->linear(x, weight, bias);
    const std::int64_t fewer = x.size(-1) - 1;
    return inner_->linear(x.narrow(-1, 0, fewer), weight.narrow(1, 0, fewer), bias);
  }

 private:
  template <typename Call>
  Call spoiled(Call call) const {
    if (error_ == PlantedError::skip) call.d = call.d * 1.01;
    if (error_ == PlantedError::forgotten) call.from_state = false;
    return call;
  }
  template <typename Call>
  Call stuck(Call call) const {
    call = spoiled(call);
    call.from_state = true;
    if (error_ == PlantedError::state) call.state = call.state.clone();
    return call;
  }

  PlantedError error_;
};

}  // namespace

std::unique_ptr<Ops> make_faulty_ops(std::unique_ptr<Ops> inner, PlantedError error) {
  return std::make_unique<FaultyOps>(std::move(inner), error);
}

}  // namespace ssmprof::workloads
