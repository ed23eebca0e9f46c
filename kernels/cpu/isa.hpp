#pragma once

#include <cstdint>
#include <string_view>

#include "kernels/causal_conv1d.hpp"
#include "kernels/cpu/span.hpp"
#include "kernels/gate.hpp"
#include "kernels/rms_norm.hpp"
#include "kernels/selective_scan.hpp"
#include "kernels/ssd.hpp"

namespace ssmprof::kernels::cpu {

/// Instruction sets that the inner loops are compiled for; the best one that the processor has is
/// chosen at run time.
enum class Isa : std::uint8_t { baseline, avx2, avx512 };

/// Sizes of one SSD task, shared by the planner and the inner loops.
struct SsdTile {
  std::int64_t chunk = 0;       ///< rows per chunk
  std::int64_t first_head = 0;  ///< heads [first_head, first_head + heads), all of one group
  std::int64_t heads = 0;
};

/// The inner loops of one instruction set. Each function does one independent task in the calling
/// thread; `scratch` is 64-byte aligned and as large as the `…_scratch` function says, in floats.
struct InnerLoops {
  Isa isa = Isa::baseline;
  int width = 0;  ///< floats per register

  std::int64_t (*scan_scratch)(std::int64_t channels, std::int64_t state);
  void (*scan)(const SelectiveScanArgs&, const Span&, std::int64_t first, std::int64_t channels,
               float* scratch);
  void (*scan_update)(const SelectiveStateUpdateArgs&, std::int64_t batch, std::int64_t first,
                      std::int64_t channels);

  std::int64_t (*ssd_scratch)(const SsdArgs&, const SsdTile&);
  void (*ssd)(const SsdArgs&, const Span&, const SsdTile&, float* scratch);
  void (*ssd_update)(const SsdStateUpdateArgs&, std::int64_t batch, std::int64_t first,
                     std::int64_t heads);

  std::int64_t (*conv_scratch)(std::int64_t channels, std::int64_t width);
  void (*conv)(const CausalConv1dArgs&, const Span&, std::int64_t first, std::int64_t channels,
               float* scratch);

  /// Rows [first, first + rows) of the flattened tokens.
  void (*gate)(const GateArgs&, std::int64_t first, std::int64_t rows, float* scratch);
  void (*rms_norm)(const RmsNormArgs&, std::int64_t first, std::int64_t rows, float* scratch);
  void (*gated_rms_norm)(const GatedRmsNormArgs&, std::int64_t first, std::int64_t rows,
                         float* scratch);

  /// Element-wise functions on n values, for tests.
  void (*exp2_rows)(const float* x, float* out, std::int64_t n);
  void (*softplus_rows)(const float* x, float* out, std::int64_t n);
  void (*silu_rows)(const float* x, float* out, std::int64_t n);
  void (*load_row)(DType, const void* src, std::int64_t offset, std::int64_t n, float* dst,
                   std::int64_t padded);
  void (*store_row)(DType, const float* src, std::int64_t n, void* dst, std::int64_t offset);
};

/// "baseline", "avx2" or "avx512".
std::string_view name_of(Isa isa);

/// Whether this program holds code for `isa` and the processor can run it.
bool supported(Isa isa);

/// The inner loops of `isa`; std::runtime_error when it is not supported.
const InnerLoops& inner_loops(Isa isa);

/// The inner loops in use: the best supported ones unless use_isa() chose others.
const InnerLoops& inner_loops();

/// Makes later calls use `isa` (tests, comparisons); std::runtime_error when it is not supported.
void use_isa(Isa isa);

}  // namespace ssmprof::kernels::cpu
