#pragma once

#include "workloads/torch/ops.hpp"

namespace ssmprof::workloads::exact {

// The operations of Ops in fp64, from their formulas: one step of time after the other, and no
// blocking, reordering or fusion. They share no code with the backends and write to nothing.

struct Result {
  at::Tensor out;    ///< fp64, shaped as the operation's output
  at::Tensor state;  ///< fp64, what the operation leaves behind; undefined when nothing
};

Result conv(const ConvCall& call);
Result scan(const ScanCall& call);
Result ssd(const SsdCall& call);
at::Tensor gate(const at::Tensor& y, const at::Tensor& z);
at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps);
at::Tensor gated_rms_norm(const at::Tensor& y, const at::Tensor& z, const at::Tensor& weight,
                          std::int64_t group_size, double eps);
/// x, times the scale where there is one.
at::Tensor scaled(const at::Tensor& x, const RowScale& scale);
/// x·Wᵀ + bias.
at::Tensor linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias);

}  // namespace ssmprof::workloads::exact
