#pragma once

#include <limits>

#include "kernels/cost.hpp"
#include "kernels/launch.hpp"
#include "kernels/views.hpp"

namespace ssmprof::kernels {

/// Mamba-2 state-space duality (arXiv 2405.21060 §6), chunked, per head h of group g = h·G/H:
///   Δ = clamp(softplus(dt + dt_bias), dt_min, dt_max)
///   S[t] = exp(Δ[t]·A)·S[t-1] + Δ[t]·x[t]⊗B[t]            S: [head_dim, state]
///   out[t] = S[t]·C[t] + D·x[t]   (· SiLU(z[t]) when z is given)
/// States, decays and accumulators in fp32. 1 ≤ state ≤ 256, any groups dividing heads.
struct SsdArgs {
  DType dtype = DType::f32;  ///< x, b, c, dt, z, out
  std::int64_t batch = 0, length = 0, heads = 0, head_dim = 0, groups = 1, state = 0;
  std::int64_t chunk = 0;          ///< 0: the implementation's choice, see ssd_chunk()
  ConstRows x;                     ///< [batch, length, heads·head_dim]
  ConstRows b, c;                  ///< [batch, length, groups·state]
  ConstRows dt;                    ///< [batch, length, heads]
  ConstRows z;                     ///< [batch, length, heads·head_dim] or not given: no gate
  const float* a = nullptr;        ///< [heads], negative
  const float* d = nullptr;        ///< [heads] or null
  const float* dt_bias = nullptr;  ///< [heads] or null
  bool dt_softplus = true;
  float dt_min = 0.0F, dt_max = std::numeric_limits<float>::infinity();
  const float* initial_state = nullptr;  ///< [batch | sequences, heads, head_dim, state] or null
  float* final_state = nullptr;          ///< same shape, or null; may alias initial_state
  Rows out;                              ///< [batch, length, heads·head_dim]
  Sequences sequences;
  /// With z, for an RMSNorm over a whole row whose scale is applied later: out · norm_weight in the
  /// type of x, rounded once, and sums of squares of the unrounded out over kSsdPartRows of a head.
  const void* norm_weight = nullptr;  ///< [heads·head_dim] or null: neither
  float* squares = nullptr;           ///< [batch·length, ssd_parts()]
  void* workspace = nullptr;  ///< at least ssd_workspace() bytes on the same device (null when 0)
};

/// Rows of a head in one sum of squares, the last of a head maybe fewer; sums per token.
inline constexpr std::int64_t kSsdPartRows = 64;
constexpr std::int64_t ssd_parts(std::int64_t heads, std::int64_t head_dim) {
  return heads * ((head_dim + kSsdPartRows - 1) / kSsdPartRows);
}

std::size_t ssd_workspace(const SsdArgs& args, const Launch& launch);

/// The chunk length that a call will execute with (it enters the executed FLOP count).
std::int64_t ssd_chunk(const SsdArgs& args, const Launch& launch);

/// Throws std::invalid_argument on a shape outside the documented range and
/// std::runtime_error when the device cannot run it.
void ssd(const SsdArgs& args, const Launch& launch);

/// The chunked form as executed with chunk Q = args.chunk (must be set), causal half not skipped:
/// 2·T·Q·G·N + 2·T·Q·Di + 4·T·N·Di + 2·⌈T/Q⌉·N·Di FLOP, 2·T·Di for D, 2·T·Di for the gate;
/// T·H·(Q + 4) transcendentals (softplus 2; decays of the pairs, to the end and from the start of
/// the chunk), 2·T·Di with the gate; bytes s·T·(2Di + 2GN + H, + Di with the gate) and the fp32
/// states as given. For the norm 3·T·Di FLOP, the weight and the sums. Throws std::invalid_argument
/// without a chunk.
Cost cost_of(const SsdArgs& args);

/// The recurrent form, independent of the chunk: 5·T·Di·N FLOP; transcendentals 3·T·H, + 2·T·Di
/// with the gate; bytes as above.
Cost recurrent_cost_of(const SsdArgs& args);

/// One decode step per sequence on a state of `state_dtype`, updated in place. Rows have length 1.
struct SsdStateUpdateArgs {
  DType dtype = DType::f32;
  DType state_dtype = DType::f32;
  std::int64_t batch = 0, heads = 0, head_dim = 0, groups = 1, state = 0;
  ConstRows x, b, c, dt, z;
  const float* a = nullptr;
  const float* d = nullptr;
  const float* dt_bias = nullptr;
  bool dt_softplus = true;
  float dt_min = 0.0F, dt_max = std::numeric_limits<float>::infinity();
  void* ssm_state = nullptr;  ///< [batch, heads, head_dim, state]
  Rows out;
  /// For an RMSNorm over a whole row whose scale is applied later: out · norm_weight in the type of
  /// x, and sums of squares of out over each ssd_step_rows() of a head.
  const void* norm_weight = nullptr;  ///< [heads·head_dim] or null: neither
  float* squares = nullptr;           ///< [batch, heads·head_dim / ssd_step_rows()]
  /// With launch.overlap: no kernel that may still run writes the state, so that the first of it is
  /// read before they end (CUDA).
  bool state_settled = false;
};

/// Rows of a head that one block takes on CUDA: all, or fewer where heads alone would not fill the
/// device.
std::int64_t ssd_step_rows(std::int64_t batch, std::int64_t heads, std::int64_t head_dim);

void ssd_state_update(const SsdStateUpdateArgs& args, const Launch& launch);

/// 5·B·Di·N FLOP, + 2·B·Di with D, + 2·B·Di with the gate; transcendentals 3·B·H, + 2·B·Di with
/// the gate; bytes s·B·(2Di + 2GN + H, + Di with the gate) and the states read and written. For the
/// norm 3·B·Di FLOP, the weight and the sums.
Cost cost_of(const SsdStateUpdateArgs& args);

}  // namespace ssmprof::kernels
