// linear_plans FILE [ROWS]: times every plan of the linear layer at the models' sizes (those of so
// many rows), apart and with
// overlapping launches, and writes one line of JSON per plan. The weights of a run exceed the L2,
// which is overwritten before each. On the terminal: plan_linear()'s choice beside the best.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "kernels/bench/fill.hpp"
#include "kernels/cuda/common.cuh"
#include "kernels/cuda/linear.hpp"
#include "kernels/cuda/programmatic.cuh"

namespace {

using namespace ssmprof::kernels;
using cuda::check;
using cuda::LinearPlan;
using Element = __nv_bfloat16;

struct Size {
  std::int64_t rows, outputs, inputs;
};
constexpr Size kSizes[] = {
    {1, 3072, 768},    {1, 80, 1536},     {1, 1536, 48},    {1, 768, 1536},  {1, 50288, 768},
    {1, 3352, 768},    {1, 10240, 2560},  {1, 192, 5120},   {1, 5120, 160},  {1, 2560, 5120},
    {1, 50288, 2560},  {8, 3072, 768},    {8, 10240, 2560}, {8, 2560, 5120}, {16, 10240, 2560},
    {32, 10240, 2560}, {64, 10240, 2560}, {64, 192, 5120},  {64, 5120, 160}, {64, 2560, 5120},
    {64, 50288, 2560}, {64, 10576, 2560}, {64, 3072, 768},  {64, 80, 1536},  {64, 768, 1536},
    {64, 50288, 768}};

__global__ void draw(Element* p, std::size_t count, std::uint64_t seed) {
  const std::size_t step = std::size_t{gridDim.x} * blockDim.x;
  for (std::size_t i = std::size_t{blockIdx.x} * blockDim.x + threadIdx.x; i < count; i += step)
    p[i] = cuda::from_float<Element>(bench::uniform(seed, i, -1.0F, 1.0F));
}

__global__ void overwrite(float* p, std::size_t count) {
  const std::size_t step = std::size_t{gridDim.x} * blockDim.x;
  for (std::size_t i = std::size_t{blockIdx.x} * blockDim.x + threadIdx.x; i < count; i += step)
    p[i] = p[i] * 0.5F + 1.0F;
}

/// Σ (a − b)² and Σ b² of one block's share.
__global__ void compare(const Element* a, const Element* b, std::int64_t count, double* sums) {
  double difference = 0, norm = 0;
  for (std::int64_t i = threadIdx.x; i < count; i += blockDim.x) {
    const double x = cuda::to_float(a[i]), y = cuda::to_float(b[i]);
    difference += (x - y) * (x - y), norm += y * y;
  }
  atomicAdd(sums, difference), atomicAdd(sums + 1, norm);
}

template <class T>
T* allocate(std::size_t count) {
  void* p = nullptr;
  check(cudaMalloc(&p, count * sizeof(T)), "memory");
  return static_cast<T*>(p);
}

constexpr std::size_t kWeights = std::size_t{640} << 20, kFlush = std::size_t{40} << 20;
constexpr std::int64_t kY = 64 * 50288;

class Bench {
 public:
  Bench() {
    check(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "stream");
    check(cudaEventCreate(&begin_), "event"), check(cudaEventCreate(&end_), "event");
    draw<<<2048, 256, 0, stream_>>>(weights_, kWeights, 1);
    draw<<<256, 256, 0, stream_>>>(x_, 64 * 8192, 2);
    check(cudaMemsetAsync(flush_, 0, kFlush * sizeof(float), stream_), "memory");
  }

  void run(const Size& size, std::ofstream& file) {
    int multiprocessors = 0, shared = 0;
    check(cudaDeviceGetAttribute(&multiprocessors, cudaDevAttrMultiProcessorCount, 0), "device");
    check(cudaDeviceGetAttribute(&shared, cudaDevAttrMaxSharedMemoryPerBlockOptin, 0), "device");
    const cuda::LinearDevice device{multiprocessors, shared, cuda::launches_overlap()};
    const auto each = static_cast<std::size_t>(size.outputs * size.inputs);
    sets_ = static_cast<int>(std::min<std::size_t>(24, kWeights / each));
    const int launches = each > (std::size_t{50} << 20)   ? 3
                         : each > (std::size_t{10} << 20) ? 8
                                                          : 24;
    LinearArgs a;
    a.dtype = DType::bf16;
    a.rows = size.rows, a.inputs = size.inputs, a.outputs = size.outputs;
    a.x = {x_, 0, size.inputs};
    const LinearPlan chosen = cuda::plan_linear(size.rows, size.inputs, size.outputs, device);
    a.y = {reference_, 0, size.outputs}, a.weight = weights_;
    cuda::linear(a, chosen, where(false));
    a.y.data = y_;
    if (size.rows > cuda::kLinearStreamed) return run_wide(size, a, each, launches, file);
    struct Timed {
      LinearPlan plan;
      double apart, overlapping;
    };
    std::vector<Timed> all;
    const auto time_plan = [&](const LinearPlan& plan) {
      if (!agrees(a, plan, each)) {
        std::printf("WRONG: tiles %d across %d along %d split %d\n", plan.tiles, plan.across,
                    plan.along, plan.split);
        return;
      }
      all.push_back(
          {plan, time(a, plan, each, launches, false), time(a, plan, each, launches, true)});
      file << "{\"rows\":" << size.rows << ",\"outputs\":" << size.outputs
           << ",\"inputs\":" << size.inputs << ",\"tiles\":" << plan.tiles
           << ",\"across\":" << plan.across << ",\"along\":" << plan.along
           << ",\"split\":" << plan.split << ",\"chosen\":" << (all.size() == 1)
           << ",\"us_apart\":" << all.back().apart
           << ",\"us_overlapping\":" << all.back().overlapping << "}\n";
    };
    time_plan(chosen);
    const int steps = static_cast<int>(cuda::blocks_for(size.inputs, cuda::kLinearStep));
    const int most = cuda::linear_row_tiles(size.rows);
    for (const int tiles : {1, 2})
      for (const int split : {1, 2, 4, 8})
        for (const int along : {1, 2, 4, 8, 16})
          for (const int across : {1, 2, 3, 4, 5, 6, 8, 10, 11, 12, 16}) {
            const LinearPlan plan{tiles, across, along, split};
            const std::int64_t wide = across * tiles * 16;
            const std::int64_t warps =
                cuda::blocks_for(size.outputs, wide) * split * across * along;
            if (across * along > cuda::linear_most_warps(most, tiles) || along * split > steps)
              continue;
            if (split > 1 && !device.clusters) continue;
            // Too few to keep memory busy, or so many that starting them takes the time.
            if (warps < 256 && each > 400000 && across > 1) continue;
            if (warps / (across * along) > 1600) continue;
            if (size.rows > 16 && size.outputs > 1000 && across * along < 4) continue;
            time_plan(plan);
          }
    const auto print = [](const Timed& t) {
      std::printf("  tiles %d across %2d along %2d split %d: %7.2f apart %7.2f overlapping\n",
                  t.plan.tiles, t.plan.across, t.plan.along, t.plan.split, t.apart, t.overlapping);
    };
    std::printf("M %lld N %lld K %lld, %.2f MB of weights, %zu plans, us\n",
                static_cast<long long>(size.rows), static_cast<long long>(size.outputs),
                static_cast<long long>(size.inputs), static_cast<double>(each) * 2e-6, all.size());
    if (all.empty()) return;
    print(all.front());
    std::sort(all.begin(), all.end(),
              [](const auto& p, const auto& q) { return p.apart < q.apart; });
    print(all.front());
    std::sort(all.begin(), all.end(),
              [](const auto& p, const auto& q) { return p.overlapping < q.overlapping; });
    for (std::size_t i = 0; i < std::min<std::size_t>(2, all.size()); ++i) print(all[i]);
    std::fflush(stdout);
  }

 private:
  Launch where(bool overlap) const { return {Device::cuda, stream_, 0, overlap}; }

  const Element* weights(int launch, std::size_t each) const {
    return weights_ + static_cast<std::size_t>(launch % sets_) * each;
  }

  void run_wide(const Size& size, const LinearArgs& a, std::size_t each, int launches,
                std::ofstream& file) {
    const auto chosen = cuda::plan_linear_wide(size.inputs, size.outputs, false, 132);
    struct Timed {
      cuda::LinearWidePlan plan;
      double apart, overlapping;
    };
    std::vector<Timed> all;
    const auto time_plan = [&](const cuda::LinearWidePlan& plan) {
      if (!agrees(a, plan, each)) {
        std::printf("WRONG: tile %d split %d stages %d\n", plan.tile, plan.split, plan.stages);
        return;
      }
      all.push_back(
          {plan, time(a, plan, each, launches, false), time(a, plan, each, launches, true)});
      file << "{\"rows\":" << size.rows << ",\"outputs\":" << size.outputs
           << ",\"inputs\":" << size.inputs << ",\"tile\":" << plan.tile
           << ",\"split\":" << plan.split << ",\"stages\":" << plan.stages
           << ",\"chosen\":" << (all.size() == 1) << ",\"us_apart\":" << all.back().apart
           << ",\"us_overlapping\":" << all.back().overlapping << "}\n";
    };
    time_plan(chosen);
    const std::int64_t steps = cuda::blocks_for(size.inputs, 64);
    for (const int tile : cuda::kLinearWideTiles)
      for (const int split : {1, 2, 4, 8})
        for (const int room : {56, 74, 110}) {
          const int stage = (64 + tile) * 128;
          const std::int64_t blocks = cuda::blocks_for(size.outputs, tile) * split;
          const cuda::LinearWidePlan plan{tile, split, std::min((room << 10) / stage, 12)};
          if (split > steps || plan.stages > cuda::blocks_for(steps, split) + 2) continue;
          if (each > 400000 && (blocks < 50 || blocks > 1300)) continue;
          time_plan(plan);
        }
    const auto print = [](const Timed& t) {
      std::printf("  tile %3d split %d stages %2d: %7.2f apart %7.2f overlapping\n", t.plan.tile,
                  t.plan.split, t.plan.stages, t.apart, t.overlapping);
    };
    std::printf("M %lld N %lld K %lld, %.2f MB of weights, %zu wide plans, us\n",
                static_cast<long long>(size.rows), static_cast<long long>(size.outputs),
                static_cast<long long>(size.inputs), static_cast<double>(each) * 2e-6, all.size());
    if (all.empty()) return;
    print(all.front());
    std::sort(all.begin(), all.end(),
              [](const auto& p, const auto& q) { return p.overlapping < q.overlapping; });
    for (std::size_t i = 0; i < std::min<std::size_t>(4, all.size()); ++i) print(all[i]);
    std::fflush(stdout);
  }

  template <class Plan>
  bool agrees(LinearArgs a, const Plan& plan, std::size_t each) {
    a.weight = weights(0, each);
    const std::int64_t count = std::min<std::int64_t>(a.rows * a.outputs, 200000);
    check(cudaMemsetAsync(y_, 0xff, static_cast<std::size_t>(kY) * sizeof(Element), stream_), "y");
    check(cudaMemsetAsync(sums_, 0, 16, stream_), "sums");
    cuda::linear(a, plan, where(true));
    compare<<<1, 1024, 0, stream_>>>(y_, reference_, count, sums_);
    double sums[2];
    check(cudaMemcpyAsync(sums, sums_, 16, cudaMemcpyDeviceToHost, stream_), "sums");
    check(cudaStreamSynchronize(stream_), "linear");
    return std::sqrt(sums[0] / sums[1]) < 4e-3;  // both are rounded; false for NaN
  }

  /// Microseconds per launch, median of five replays.
  template <class Plan>
  double time(LinearArgs a, const Plan& plan, std::size_t each, int launches, bool overlap) {
    cudaGraph_t graph = nullptr;
    cudaGraphExec_t exec = nullptr;
    check(cudaStreamBeginCapture(stream_, cudaStreamCaptureModeThreadLocal), "capture");
    for (int i = 0; i < launches; ++i) {
      a.weight = weights(i, each);
      cuda::linear(a, plan, where(overlap));
    }
    check(cudaStreamEndCapture(stream_, &graph), "capture");
    check(cudaGraphInstantiate(&exec, graph, 0), "graph");
    std::vector<float> samples;
    for (int i = 0; i < 6; ++i) {
      overwrite<<<264, 512, 0, stream_>>>(flush_, kFlush);
      check(cudaEventRecord(begin_, stream_), "event");
      check(cudaGraphLaunch(exec, stream_), "graph");
      check(cudaEventRecord(end_, stream_), "event");
      check(cudaEventSynchronize(end_), "graph");
      float ms = 0;
      check(cudaEventElapsedTime(&ms, begin_, end_), "event");
      if (i > 0) samples.push_back(ms);
    }
    cudaGraphExecDestroy(exec), cudaGraphDestroy(graph);
    std::sort(samples.begin(), samples.end());
    return samples[samples.size() / 2] * 1e3 / launches;
  }

  Element *weights_ = allocate<Element>(kWeights), *x_ = allocate<Element>(64 * 8192);
  Element *y_ = allocate<Element>(kY), *reference_ = allocate<Element>(kY);
  float* flush_ = allocate<float>(kFlush);
  double* sums_ = allocate<double>(2);
  cudaStream_t stream_ = nullptr;
  cudaEvent_t begin_ = nullptr, end_ = nullptr;
  int sets_ = 1;
};

}  // namespace

int main(int count, char** arguments) {
  if (count != 2 && count != 3) {
    std::fputs("linear_plans: the file of the measurements, then the rows or nothing\n", stderr);
    return 2;
  }
  try {
    std::ofstream file(arguments[1]);
    Bench bench;
    for (const auto& size : kSizes)
      if (count == 2 || size.rows == std::stoll(arguments[2])) bench.run(size, file);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}
