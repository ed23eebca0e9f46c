#pragma once

#include <algorithm>

#include "kernels/cpu/isa.hpp"
#include "kernels/cpu/tasks.hpp"

namespace ssmprof::kernels::cpu {

/// Runs `loop(args, first, rows, scratch)` over blocks of token rows of `channels` elements, with
/// scratch for `lines` fp32 rows.
template <typename Args>
void run_rows(void (*loop)(const Args&, std::int64_t, std::int64_t, float*), const Args& args,
              std::int64_t tokens, std::int64_t channels, std::int64_t lines, int requested) {
  const int threads = worthwhile_threads(requested, static_cast<double>(tokens * channels));
  const Blocks blocks = divide(tokens, 1, 64, 1, threads);
  const std::int64_t size = lines * round_up(channels, 16);
  float* const memory = scratch(size * threads);
  run_tasks(blocks.count, threads, [&](std::int64_t task, int thread) {
    const std::int64_t first = task * blocks.size;
    loop(args, first, std::min(blocks.size, tokens - first), memory + thread * size);
  });
}

}  // namespace ssmprof::kernels::cpu
