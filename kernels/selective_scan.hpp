#pragma once

#include "kernels/cost.hpp"
#include "kernels/launch.hpp"
#include "kernels/views.hpp"

namespace ssmprof::kernels {

/// Mamba-1 selective scan (arXiv 2312.00752, algorithm 2), with u the convolved input:
///   Δ = softplus(delta + delta_bias)         (softplus only when delta_softplus)
///   h[t] = exp(Δ[t]·A)·h[t-1] + Δ[t]·B[t]·u[t]     per (batch, channel, state)
///   out[t] = (Σ_n C[t,n]·h[t,n] + D·u[t]) · SiLU(z[t])   (gate only when z is given)
/// Arithmetic and states in fp32, with one exception: on CUDA, 16-bit tensors and state ≤ 64 sum
/// Σ_n C·h in TF32 products on the tensor cores (C is exact, h loses the bits below 2^-10 of its
/// value and gets their mean back; the state itself keeps them). 1 ≤ state ≤ 256, any length ≥ 1.
struct SelectiveScanArgs {
  DType dtype = DType::f32;  ///< u, delta, b, c, z, out
  std::int64_t batch = 0, length = 0, channels = 0, state = 0;
  ConstRows u, delta;                 ///< [batch, length, channels]
  ConstRows b, c;                     ///< [batch, length, state]
  ConstRows z;                        ///< [batch, length, channels] or not given: no gate
  const float* a = nullptr;           ///< [channels, state], negative
  const float* d = nullptr;           ///< [channels] or null
  const float* delta_bias = nullptr;  ///< [channels] or null
  bool delta_softplus = true;
  const float* initial_state = nullptr;  ///< [batch | sequences, channels, state] or null (zeros)
  float* final_state = nullptr;          ///< same shape, or null; may alias initial_state
  Rows out;                              ///< [batch, length, channels]
  Sequences sequences;
  /// Scratch of at least selective_scan_workspace() bytes on the same device (null when 0).
  void* workspace = nullptr;
};

std::size_t selective_scan_workspace(const SelectiveScanArgs& args, const Launch& launch);

/// Throws std::invalid_argument on a shape outside the documented range and
/// std::runtime_error when the device cannot run it.
void selective_scan(const SelectiveScanArgs& args, const Launch& launch);

/// FLOP 6·T·C·N + 4·T·C (+ 2·T·C with the gate); transcendentals T·C·(N + 2, + 2 with the gate);
/// bytes s·T·(3C + 2N, + C with the gate) + 4·C·N, states as given.
Cost cost_of(const SelectiveScanArgs& args);

/// One decode step per sequence on a state of `state_dtype`, updated in place.
/// Rows have length 1: element (b, c) stands at data[b·batch_stride + c].
/// With a rank, dt_proj is part of it: delta[b, c] = Σ_r dt_weight[c, r]·delta[b, r]. On CUDA that
/// takes 16-bit types, state = 16, channels a multiple of 16, rank of 8 and at most 160, delta,
/// dt_weight and ssm_state aligned to 16 bytes, b and c to 8, and Δ stays fp32; on the CPU it is
/// rounded to dtype.
struct SelectiveStateUpdateArgs {
  DType dtype = DType::f32;
  DType state_dtype = DType::f32;
  std::int64_t batch = 0, channels = 0, state = 0;
  ConstRows u, delta, b, c, z;
  const float* a = nullptr;
  const float* d = nullptr;
  const float* delta_bias = nullptr;
  bool delta_softplus = true;
  void* ssm_state = nullptr;  ///< [batch, channels, state]
  Rows out;
  std::int64_t rank = 0;            ///< 0: delta is [batch, channels]; else [batch, rank]
  const void* dt_weight = nullptr;  ///< [channels, rank]
  /// With a rank and launch.overlap: no kernel that may still run writes the state, so that it is
  /// read before they end (CUDA).
  bool state_settled = false;
};

void selective_state_update(const SelectiveStateUpdateArgs& args, const Launch& launch);

/// As the scan with T = batch, and the states read and written in their type; with a rank the
/// product instead of delta.
Cost cost_of(const SelectiveStateUpdateArgs& args);

}  // namespace ssmprof::kernels
