#include "kernels/cpu/causal_conv1d.hpp"

#include <algorithm>

#include "kernels/cpu/isa.hpp"
#include "kernels/cpu/scratch.hpp"
#include "kernels/cpu/tasks.hpp"

namespace ssmprof::kernels::cpu {

void causal_conv1d(const CausalConv1dArgs& args, int requested) {
  const InnerLoops& loops = inner_loops();
  const std::int64_t spans = span_count(args.batch, args.sequences);
  const int threads =
      worthwhile_threads(requested, static_cast<double>(args.batch * args.length * args.channels));
  const Blocks blocks = divide(args.channels, 64, 256, spans, threads);
  const std::int64_t size = round_up(loops.conv_scratch(blocks.size, args.width), 16);
  float* const memory = scratch(size * threads);
  run_tasks(spans * blocks.count, threads, [&](std::int64_t task, int thread) {
    const Span span = span_at(task / blocks.count, args.length, args.sequences);
    const std::int64_t first = task % blocks.count * blocks.size;
    loops.conv(args, span, first, std::min(blocks.size, args.channels - first),
               memory + thread * size);
  });
}

}  // namespace ssmprof::kernels::cpu
