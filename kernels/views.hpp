#pragma once

#include <cstdint>

namespace ssmprof::kernels {

/// Token rows inside a larger buffer: element (b, t, c) stands at
/// data[b·batch_stride + t·row_stride + c] (strides in elements; channels are contiguous).
/// A null `data` means "not given". This is how kernels read the packed outputs of in_proj,
/// x_proj and conv in place, without a copy.
struct ConstRows {
  const void* data = nullptr;
  std::int64_t batch_stride = 0;
  std::int64_t row_stride = 0;
  explicit operator bool() const { return data != nullptr; }
};

struct Rows {
  void* data = nullptr;
  std::int64_t batch_stride = 0;
  std::int64_t row_stride = 0;
  explicit operator bool() const { return data != nullptr; }
  operator ConstRows() const { return {data, batch_stride, row_stride}; }
};

/// Several sequences of different lengths in one row buffer, without padding. When `starts` is
/// given, batch must be 1 and sequence i owns the rows [starts[i], starts[i+1]); states are then
/// indexed by sequence. `starts` lies in the memory of the device that runs the kernel.
struct Sequences {
  const std::int64_t* starts = nullptr;  ///< [count + 1], ascending, starts[0] = 0
  std::int64_t count = 0;
  explicit operator bool() const { return starts != nullptr; }
};

}  // namespace ssmprof::kernels
