#pragma once

#include "kernels/cost.hpp"
#include "kernels/launch.hpp"

namespace ssmprof::kernels {

/// The rows of an embedding table as the start of a residual stream, and what the RMSNorm of the
/// first layer needs, its scale applied later (LinearScale): next = row · norm_weight, and sums of
/// squares over each kEmbedPart channels.
struct EmbedArgs {
  DType dtype = DType::f32;             ///< table, norm_weight, next
  DType residual_dtype = DType::f32;    ///< residual: fp32 or dtype
  std::int64_t rows = 0, channels = 0;  ///< channels a multiple of kEmbedPart
  const std::int64_t* ids = nullptr;    ///< [rows], each a row of the table (not checked)
  const void* table = nullptr;          ///< [any, channels]
  const void* norm_weight = nullptr;    ///< [channels]
  void* residual = nullptr;             ///< [rows, channels]
  void* next = nullptr;                 ///< [rows, channels]
  float* squares = nullptr;             ///< [rows, channels / kEmbedPart]
};

inline constexpr std::int64_t kEmbedPart = 16;

/// Throws std::invalid_argument on a shape outside the documented range and std::runtime_error
/// when the device cannot run it.
void embed(const EmbedArgs& args, const Launch& launch);

/// 3·T·D FLOP; the rows, the ids and the weight read, the stream, next and the sums written.
Cost cost_of(const EmbedArgs& args);

}  // namespace ssmprof::kernels
