#pragma once

#include "kernels/bench/peer_abi.h"
#include "kernels/causal_conv1d.hpp"
#include "kernels/gate.hpp"
#include "kernels/linear.hpp"
#include "kernels/rms_norm.hpp"
#include "kernels/selective_scan.hpp"
#include "kernels/ssd.hpp"
#include "kernels/ssd_step.hpp"

/// The kernels' arguments in the form of the peer ABI, and the name of each entry.
namespace ssmprof::kernels::bench {

std::int32_t peer_dtype(DType type);
std::int32_t peer_device(Device device);
ssmprof_peer_rows peer_rows(const ConstRows& rows);

ssmprof_peer_causal_conv1d_args peer_args(const CausalConv1dArgs& a, Device device);
/// Of a decode step (length 1, both states the same memory).
ssmprof_peer_causal_conv1d_update_args peer_update_args(const CausalConv1dArgs& a, Device device);
ssmprof_peer_selective_scan_args peer_args(const SelectiveScanArgs& a, Device device);
ssmprof_peer_selective_state_update_args peer_args(const SelectiveStateUpdateArgs& a,
                                                   Device device);
ssmprof_peer_ssd_args peer_args(const SsdArgs& a, Device device);
ssmprof_peer_ssd_state_update_args peer_args(const SsdStateUpdateArgs& a, Device device);
ssmprof_peer_ssd_step_args peer_args(const SsdStepArgs& a, Device device);
ssmprof_peer_gate_args peer_args(const GateArgs& a, Device device);
ssmprof_peer_rms_norm_args peer_args(const RmsNormArgs& a, Device device);
ssmprof_peer_gated_rms_norm_args peer_args(const GatedRmsNormArgs& a, Device device);
ssmprof_peer_linear_args peer_args(const LinearArgs& a, Device device);

inline const char* peer_entry(const ssmprof_peer_causal_conv1d_args&) {
  return "causal_conv1d";
}
inline const char* peer_entry(const ssmprof_peer_causal_conv1d_update_args&) {
  return "causal_conv1d_update";
}
inline const char* peer_entry(const ssmprof_peer_selective_scan_args&) {
  return "selective_scan";
}
inline const char* peer_entry(const ssmprof_peer_selective_state_update_args&) {
  return "selective_state_update";
}
inline const char* peer_entry(const ssmprof_peer_ssd_args&) {
  return "ssd";
}
inline const char* peer_entry(const ssmprof_peer_ssd_state_update_args&) {
  return "ssd_state_update";
}
inline const char* peer_entry(const ssmprof_peer_ssd_step_args&) {
  return "ssd_step";
}
inline const char* peer_entry(const ssmprof_peer_gate_args&) {
  return "gate";
}
inline const char* peer_entry(const ssmprof_peer_rms_norm_args&) {
  return "rms_norm";
}
inline const char* peer_entry(const ssmprof_peer_gated_rms_norm_args&) {
  return "gated_rms_norm";
}
inline const char* peer_entry(const ssmprof_peer_linear_args&) {
  return "linear";
}

}  // namespace ssmprof::kernels::bench
