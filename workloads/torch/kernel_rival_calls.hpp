#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "kernels/bench/peer_abi.h"
#include "workloads/torch/ops.hpp"

namespace ssmprof::workloads {

/// The operations of the torch backend behind the argument structures of kernels/bench/peer_abi.h:
/// the memory is seen as tensors, without copies.
class KernelRivalCalls {
 public:
  explicit KernelRivalCalls(const ExecutionSpec& spec);
  KernelRivalCalls(const KernelRivalCalls&) = delete;
  KernelRivalCalls& operator=(const KernelRivalCalls&) = delete;
  bool knows(const std::string& entry) const { return calls_.contains(entry); }
  /// On the current stream. 0, or SSMPROF_PEER_UNSUPPORTED for what the backend has no form of.
  int run(const std::string& entry, const void* args) { return calls_.at(entry)(args); }
  /// Whether results are copied to where the arguments want them.
  void hand_over(bool on) { hand_over_ = on; }

 private:
  template <class Args>
  void add(const std::string& entry) {
    calls_[entry] = [this](const void* args) { return call(*static_cast<const Args*>(args)); };
  }
  int call(const ssmprof_peer_causal_conv1d_args& a);
  int call(const ssmprof_peer_causal_conv1d_update_args& a);
  int call(const ssmprof_peer_selective_scan_args& a);
  int call(const ssmprof_peer_selective_state_update_args& a);
  int call(const ssmprof_peer_ssd_args& a);
  int call(const ssmprof_peer_ssd_state_update_args& a);
  int call(const ssmprof_peer_ssd_step_args& a);
  int call(const ssmprof_peer_gate_args& a);
  int call(const ssmprof_peer_rms_norm_args& a);
  int call(const ssmprof_peer_gated_rms_norm_args& a);
  int call(const ssmprof_peer_linear_args& a);

  at::Device device_;
  std::unique_ptr<Ops> ops_;
  std::map<std::string, std::function<int(const void*)>> calls_;
  bool hand_over_ = true;
};

}  // namespace ssmprof::workloads
