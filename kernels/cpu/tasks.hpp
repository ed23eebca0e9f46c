#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/cpu/flush_subnormals.hpp"
#include "kernels/cpu/scratch.hpp"
#include "kernels/parallel.hpp"

namespace ssmprof::kernels::cpu {

/// Threads for `work` element steps (about a nanosecond or less each): below about a tenth of a
/// millisecond the caller alone is quicker than waking others.
inline int worthwhile_threads(int requested, double work) {
  return work < 131072.0 ? 1 : thread_count(requested);
}

/// parallel_for with subnormal numbers flushed to zero.
template <typename Body>
void run_tasks(std::int64_t tasks, int threads, const Body& body) {
  parallel_for(tasks, threads, [&](std::int64_t task, int thread) {
    const FlushSubnormals flush;
    body(task, thread);
  });
}

/// A range cut into `count` blocks of `size` (the last may be shorter).
struct Blocks {
  std::int64_t count = 0, size = 0;
};

/// Blocks of at most `largest`, a multiple of `step`, small enough that every thread gets one of
/// the `outer · count` tasks where the range allows it.
inline Blocks divide(std::int64_t range, std::int64_t step, std::int64_t largest,
                     std::int64_t outer, int threads) {
  const std::int64_t wanted = (threads + outer - 1) / std::max<std::int64_t>(outer, 1);
  const std::int64_t fair = (range + wanted - 1) / std::max<std::int64_t>(wanted, 1);
  const std::int64_t size =
      std::min(round_up(std::max<std::int64_t>(fair, 1), step), round_up(largest, step));
  return {(range + size - 1) / size, size};
}

}  // namespace ssmprof::kernels::cpu
