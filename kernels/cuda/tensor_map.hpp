#pragma once

#include <cstdint>
#include <cuda.h>

#include "kernels/dtype.hpp"

namespace ssmprof::kernels::cuda {

/// Describes rows [count, width] of 16-bit elements at `data`, `stride` elements apart, to the copy
/// engine: boxes of 64 elements of `box` rows (at most 256), 128-byte swizzle, zeros outside. False
/// when the driver has no such thing or the alignment does not suit (16 bytes each).
bool encode_rows(CUtensorMap& map, DType dtype, const void* data, std::int64_t count,
                 std::int64_t width, std::int64_t stride, int box);

}  // namespace ssmprof::kernels::cuda
