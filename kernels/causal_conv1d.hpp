#pragma once

#include "kernels/cost.hpp"
#include "kernels/launch.hpp"
#include "kernels/views.hpp"

namespace ssmprof::kernels {

/// Causal depthwise convolution over time, bias and SiLU:
///   out[b,t,c] = act(bias[c] + Σ_k weight[c,k] · x[b, t-(K-1)+k, c]),
/// where rows before the sequence come from `initial_state` (zeros when null).
/// Source: Mamba (arXiv 2312.00752) §3.4; Dao and Gu's causal-conv1d for the state convention.
struct CausalConv1dArgs {
  DType dtype = DType::f32;                                     ///< x, weight, bias, states, out
  std::int64_t batch = 0, length = 0, channels = 0, width = 0;  ///< width = K in [1, 16]
  ConstRows x;
  const void* weight = nullptr;  ///< [channels, width]
  const void* bias = nullptr;    ///< [channels] or null
  bool silu = true;
  const void* initial_state = nullptr;  ///< [batch, width-1, channels], oldest first, or null
  void* final_state = nullptr;          ///< same shape, or null; may alias initial_state
  Rows out;
  Sequences sequences;
};

/// Throws std::invalid_argument on a shape outside the documented range and
/// std::runtime_error when the device cannot run it.
void causal_conv1d(const CausalConv1dArgs& args, const Launch& launch);

/// One decode step: x and out have length 1 and `state` [batch, width-1, channels] is shifted.
/// Same arguments with length = 1, initial_state = final_state = state.
void causal_conv1d_update(const CausalConv1dArgs& args, const Launch& launch);

/// 2·T·K·C FLOP; T·C SiLUs of 2 transcendentals; 2·s·T·C + s·C·(K+1) bytes (K without a bias),
/// states as given.
Cost cost_of(const CausalConv1dArgs& args);

}  // namespace ssmprof::kernels
