#include "kernels/cpu/ssd.hpp"

#include <algorithm>

#include "kernels/cpu/convert.hpp"
#include "kernels/cpu/isa.hpp"
#include "kernels/cpu/scratch.hpp"
#include "kernels/cpu/tasks.hpp"

namespace ssmprof::kernels::cpu {

std::int64_t ssd_chunk(const SsdArgs& args) {
  const std::int64_t wanted = args.chunk > 0 ? args.chunk : 64;
  return std::min(wanted, args.length);
}

void ssd(const SsdArgs& args, int requested) {
  const InnerLoops& loops = inner_loops();
  const std::int64_t spans = span_count(args.batch, args.sequences);
  const std::int64_t width = args.heads * args.head_dim;
  const int threads =
      worthwhile_threads(requested, static_cast<double>(args.batch * args.length * width) *
                                        static_cast<double>(args.state) / 8.0);
  // Heads of one group form tasks, as many as have their states in the cache: C·Bᵀ is computed once
  // per task and chunk.
  const std::int64_t per_group = args.heads / args.groups;
  const std::int64_t cached = std::max<std::int64_t>(131072 / (args.state * args.head_dim), 1);
  const Blocks blocks = divide(per_group, 1, std::min(per_group, cached), spans * args.groups,
                               threads == 1 ? 1 : 2 * threads);
  SsdTile largest{ssd_chunk(args), 0, blocks.size};
  const std::int64_t size = round_up(loops.ssd_scratch(args, largest), 16);
  float* const memory = scratch(size * threads);
  const std::int64_t per_span = args.groups * blocks.count;
  run_tasks(spans * per_span, threads, [&](std::int64_t task, int thread) {
    const Span span = span_at(task / per_span, args.length, args.sequences);
    const std::int64_t group = task % per_span / blocks.count;
    const std::int64_t first = task % blocks.count * blocks.size;
    const SsdTile tile{largest.chunk, group * per_group + first,
                       std::min(blocks.size, per_group - first)};
    loops.ssd(args, span, tile, memory + thread * size);
  });
}

namespace {

/// The squares of what the step gave, and its weight.
template <class T>
void weigh(const SsdStateUpdateArgs& a) {
  const std::int64_t inner = a.heads * a.head_dim;
  for (std::int64_t b = 0; b < a.batch; ++b) {
    T* const out = static_cast<T*>(a.out.data) + b * a.out.batch_stride;
    const std::int64_t rows = ssd_step_rows(a.batch, a.heads, a.head_dim);
    float* const parts = a.squares + b * (inner / rows);
    std::fill_n(parts, inner / rows, 0.0F);
    for (std::int64_t i = 0; i < inner; ++i) {
      const float v = to_float(out[i]);
      parts[i / rows] += v * v;
      out[i] = from_float<T>(v * to_float(static_cast<const T*>(a.norm_weight)[i]));
    }
  }
}

}  // namespace

void ssd_state_update(const SsdStateUpdateArgs& args, int requested) {
  const InnerLoops& loops = inner_loops();
  const int threads = worthwhile_threads(
      requested, static_cast<double>(args.batch * args.heads * args.head_dim * args.state) / 4.0);
  const Blocks blocks = divide(args.heads, 1, args.heads, args.batch, threads);
  run_tasks(args.batch * blocks.count, threads, [&](std::int64_t task, int) {
    const std::int64_t first = task % blocks.count * blocks.size;
    loops.ssd_update(args, task / blocks.count, first, std::min(blocks.size, args.heads - first));
  });
  if (args.norm_weight == nullptr) return;
  switch (args.dtype) {
    case DType::f32:
      return weigh<float>(args);
    case DType::f16:
      return weigh<F16>(args);
    case DType::bf16:
      return weigh<Bf16>(args);
  }
}

}  // namespace ssmprof::kernels::cpu
