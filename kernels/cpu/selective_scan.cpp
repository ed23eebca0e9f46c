#include "kernels/cpu/selective_scan.hpp"

#include <algorithm>
#include <cstddef>
#include <vector>

#include "kernels/cpu/isa.hpp"
#include "kernels/cpu/linear.hpp"
#include "kernels/cpu/scratch.hpp"
#include "kernels/cpu/tasks.hpp"

namespace ssmprof::kernels::cpu {

void selective_scan(const SelectiveScanArgs& args, int requested) {
  const InnerLoops& loops = inner_loops();
  const std::int64_t spans = span_count(args.batch, args.sequences);
  const int threads = worthwhile_threads(
      requested, static_cast<double>(args.batch * args.length * args.channels * args.state));
  const Blocks blocks = divide(args.channels, loops.width, 64, spans, threads);
  const std::int64_t size = round_up(loops.scan_scratch(blocks.size, args.state), 16);
  float* const memory = scratch(size * threads);
  run_tasks(spans * blocks.count, threads, [&](std::int64_t task, int thread) {
    const Span span = span_at(task / blocks.count, args.length, args.sequences);
    const std::int64_t first = task % blocks.count * blocks.size;
    loops.scan(args, span, first, std::min(blocks.size, args.channels - first),
               memory + thread * size);
  });
}

void selective_state_update(const SelectiveStateUpdateArgs& args, int requested) {
  if (args.rank > 0) {
    std::vector<std::byte> delta(static_cast<std::size_t>(args.batch * args.channels) *
                                 size_of(args.dtype));
    LinearArgs product;
    product.dtype = args.dtype;
    product.rows = args.batch, product.inputs = args.rank, product.outputs = args.channels;
    product.x = {args.delta.data, 0, args.delta.batch_stride};
    product.weight = args.dt_weight;
    product.y = {delta.data(), 0, args.channels};
    linear(product, requested);
    SelectiveStateUpdateArgs step = args;
    step.rank = 0, step.delta = {delta.data(), args.channels, args.channels};
    return selective_state_update(step, requested);
  }
  const InnerLoops& loops = inner_loops();
  const int threads =
      worthwhile_threads(requested, static_cast<double>(args.batch * args.channels * args.state));
  const Blocks blocks = divide(args.channels, 64, 1024, args.batch, threads);
  run_tasks(args.batch * blocks.count, threads, [&](std::int64_t task, int) {
    const std::int64_t first = task % blocks.count * blocks.size;
    loops.scan_update(args, task / blocks.count, first,
                      std::min(blocks.size, args.channels - first));
  });
}

}  // namespace ssmprof::kernels::cpu
