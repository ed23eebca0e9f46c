#pragma once

#include <cstdint>

#include "kernels/views.hpp"

namespace ssmprof::kernels::cpu {

/// One sequence: rows [begin, begin + length) of a batch entry, with its state at `index`.
struct Span {
  std::int64_t index = 0, batch = 0, begin = 0, length = 0;
};

inline std::int64_t span_count(std::int64_t batch, const Sequences& sequences) {
  return sequences ? sequences.count : batch;
}

inline Span span_at(std::int64_t index, std::int64_t length, const Sequences& sequences) {
  if (!sequences) return {index, index, 0, length};
  return {index, 0, sequences.starts[index], sequences.starts[index + 1] - sequences.starts[index]};
}

}  // namespace ssmprof::kernels::cpu
