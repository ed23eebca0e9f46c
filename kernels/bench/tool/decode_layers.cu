// decode_layers FILE [ROWS]: microseconds per layer of a fused decode step of so many sequences
// (64), launches overlapping in a graph, weights and states of more layers than the L2 holds: with
// the plans that the wide linear layer chooses, without each of the launches, and with other plans
// of one of its products at a time. One line of JSON each; on the terminal the chosen and the best.
#include <algorithm>
#include <cstdio>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "kernels/bench/device.hpp"
#include "kernels/bench/fill.hpp"
#include "kernels/cuda/common.cuh"
#include "kernels/cuda/linear.hpp"
#include "kernels/selective_scan.hpp"
#include "kernels/ssd.hpp"

namespace {

using namespace ssmprof::kernels;
using cuda::check;
using cuda::LinearWidePlan;
using Element = __nv_bfloat16;

struct Model {
  const char* name;
  bool mamba1;
  std::int64_t width, states, rank, heads;
  int layers;

  std::int64_t inner() const { return 2 * width; }
  std::int64_t convolved() const { return mamba1 ? inner() : inner() + 2 * states; }
  std::int64_t in_rows() const { return mamba1 ? 2 * inner() : inner() + convolved() + heads; }
  std::int64_t x_rows() const { return rank + 2 * states; }
};
constexpr Model kModels[] = {{"mamba-2.8b", true, 2560, 16, 160, 0, 20},
                             {"mamba2-2.7b", false, 2560, 128, 0, 80, 12},
                             {"mamba-130m", true, 768, 16, 48, 0, 24},
                             {"mamba2-130m", false, 768, 128, 0, 24, 24}};

template <class T>
__global__ void draw(T* p, std::size_t count, std::uint64_t seed, float low, float high) {
  const std::size_t step = std::size_t{gridDim.x} * blockDim.x;
  for (std::size_t i = std::size_t{blockIdx.x} * blockDim.x + threadIdx.x; i < count; i += step)
    p[i] = cuda::from_float<T>(bench::uniform(seed, i, low, high));
}

struct Plans {
  LinearWidePlan in, x, out;
};
/// Launches of a layer, for leaving one out.
enum Left { none, in_proj, x_proj, recurrence, out_proj };
constexpr const char* kNames[] = {"", "in", "x", "recurrence", "out"};

class Layers {
 public:
  Layers(const Model& model, std::int64_t rows) : m_(model), rows_(rows) {
    for (int i = 0; i < m_.layers; ++i) {
      Layer l{};
      l.in = bf16(m_.in_rows() * m_.width), l.out = bf16(m_.width * m_.inner());
      l.taps = bf16(m_.convolved() * 4), l.offset = bf16(m_.convolved());
      l.window = bf16(rows_ * 3 * m_.convolved(), 1), l.norm = bf16(m_.width, 1);
      if (m_.mamba1) {
        l.x = bf16(m_.x_rows() * m_.inner()), l.dt = bf16(m_.inner() * m_.rank);
      } else {
        l.gate_norm = bf16(m_.inner(), 1);
      }
      const std::int64_t each = m_.mamba1 ? m_.inner() : m_.heads;
      l.a = f32(each * (m_.mamba1 ? m_.states : 1), -8, -0.1F);
      l.d = f32(each, 0, 1), l.bias = f32(each, -4, -2);
      l.state = f32(rows_ * m_.inner() * m_.states, -1, 1);
      layers_.push_back(l);
    }
    stream_in_ = bf16(rows_ * m_.width, 1), y_ = bf16(rows_ * m_.in_rows());
    convolved_ = bf16(rows_ * m_.convolved(), 1), gated_ = bf16(rows_ * m_.inner(), 1);
    if (m_.mamba1) parameters_ = bf16(rows_ * m_.x_rows());
    residual_ = f32(rows_ * m_.width, -1, 1), squares_ = f32(rows_ * m_.width / 16, 5, 6);
    if (!m_.mamba1) gated_squares_ = f32(rows_ * m_.heads * 64, 5, 6);
    check(cudaDeviceSynchronize(), "fill");
  }

  /// Microseconds per layer, the median of seven replays.
  double time(const Plans& plans, Left left) {
    std::vector<double> samples = watch_.time_graph(7, [&] {
      for (const Layer& layer : layers_) launch(layer, plans, left);
    });
    std::sort(samples.begin(), samples.end());
    return samples[samples.size() / 2] * 1e6 / m_.layers;
  }

 private:
  struct Layer {
    Element *in, *x, *dt, *out, *taps, *offset, *window, *norm, *gate_norm;
    float *a, *d, *bias, *state;
  };
  struct Free {
    void operator()(void* p) const { cudaFree(p); }
  };

  template <class T>
  T* drawn(std::int64_t count, float low, float high) {
    void* p = nullptr;
    check(cudaMalloc(&p, static_cast<std::size_t>(count) * sizeof(T)), "memory");
    memory_.emplace_back(p);
    draw<<<512, 256>>>(static_cast<T*>(p), static_cast<std::size_t>(count), memory_.size(), low,
                       high);
    return static_cast<T*>(p);
  }
  Element* bf16(std::int64_t count, float a = 0.05F) { return drawn<Element>(count, -a, a); }
  float* f32(std::int64_t count, float low, float high) { return drawn<float>(count, low, high); }

  LinearArgs linear_of(std::int64_t inputs, std::int64_t outputs, Element* x,
                       const Element* weight) const {
    LinearArgs a;
    a.dtype = DType::bf16;
    a.rows = rows_, a.inputs = inputs, a.outputs = outputs;
    a.x = {x, 0, inputs}, a.weight = weight;
    return a;
  }

  void launch(const Layer& l, const Plans& plans, Left left) {
    const Launch where{Device::cuda, watch_.stream(), 0, true};
    const std::int64_t inner = m_.inner(), in_rows = m_.in_rows(), convolved = m_.convolved();
    LinearArgs in = linear_of(m_.width, in_rows, stream_in_, l.in);
    in.y = {y_, 0, in_rows};
    in.scale = {squares_, m_.width / 16, m_.width, 1e-5F};
    in.conv = {m_.mamba1 ? 0 : inner,     convolved, l.taps, l.offset, l.window,
               {convolved_, 0, convolved}};
    if (left != in_proj) cuda::linear(in, plans.in, where);
    LinearArgs out = linear_of(inner, m_.width, gated_, l.out);
    out.residual = {DType::f32, residual_, l.norm, stream_in_, squares_};
    if (m_.mamba1)
      mamba1(l, plans, left, where);
    else
      out.scale = {gated_squares_, mamba2(l, left, where), inner, 1e-5F};
    if (left != out_proj) cuda::linear(out, plans.out, where);
  }

  void mamba1(const Layer& l, const Plans& plans, Left left, const Launch& where) {
    const std::int64_t inner = m_.inner(), wide = m_.x_rows();
    LinearArgs x = linear_of(inner, wide, convolved_, l.x);
    x.y = {parameters_, 0, wide};
    if (left != x_proj) cuda::linear(x, plans.x, where);
    SelectiveStateUpdateArgs s;
    s.dtype = DType::bf16;
    s.batch = rows_, s.channels = inner, s.state = m_.states;
    s.u = {convolved_, inner, inner}, s.delta = {parameters_, wide, wide};
    s.b = {parameters_ + m_.rank, wide, wide};
    s.c = {parameters_ + m_.rank + m_.states, wide, wide};
    s.z = {y_ + inner, 2 * inner, 2 * inner};
    s.a = l.a, s.d = l.d, s.delta_bias = l.bias, s.ssm_state = l.state;
    s.out = {gated_, inner, inner};
    s.rank = m_.rank, s.dt_weight = l.dt, s.state_settled = true;
    if (left != recurrence) selective_state_update(s, where);
  }

  /// Returns the parts of the sums of squares.
  std::int64_t mamba2(const Layer& l, Left left, const Launch& where) {
    const std::int64_t inner = m_.inner(), convolved = m_.convolved(), in_rows = m_.in_rows();
    SsdStateUpdateArgs s;
    s.dtype = DType::bf16;
    s.batch = rows_, s.heads = m_.heads, s.head_dim = inner / m_.heads, s.state = m_.states;
    s.x = {convolved_, convolved, convolved}, s.b = {convolved_ + inner, convolved, convolved};
    s.c = {convolved_ + inner + m_.states, convolved, convolved};
    s.dt = {y_ + inner + convolved, in_rows, in_rows}, s.z = {y_, in_rows, in_rows};
    s.a = l.a, s.d = l.d, s.dt_bias = l.bias, s.ssm_state = l.state;
    s.out = {gated_, inner, inner};
    s.norm_weight = l.gate_norm, s.squares = gated_squares_, s.state_settled = true;
    if (left != recurrence) ssd_state_update(s, where);
    return inner / ssd_step_rows(rows_, m_.heads, s.head_dim);
  }

  const Model m_;
  const std::int64_t rows_;
  std::vector<std::unique_ptr<void, Free>> memory_;
  std::vector<Layer> layers_;
  Element *stream_in_ = nullptr, *y_ = nullptr, *convolved_ = nullptr, *gated_ = nullptr;
  Element* parameters_ = nullptr;
  float *residual_ = nullptr, *squares_ = nullptr, *gated_squares_ = nullptr;
  bench::Stopwatch watch_;
};

/// Plans with enough blocks, and between 4 and 12 MB of weights and x in flight.
std::vector<LinearWidePlan> others(std::int64_t inputs, std::int64_t outputs) {
  std::vector<LinearWidePlan> plans;
  for (const int tile : cuda::kLinearWideTiles)
    for (const int split : {1, 2, 4, 8})
      for (int stages = 2; stages <= 10; ++stages) {
        const std::int64_t blocks = cuda::blocks_for(outputs, tile) * split;
        const std::int64_t flying = blocks * stages * (64 + tile) * 128;
        if (tile % 16 != 0 && tile != 88) continue;
        if (blocks < 60 || blocks > 330 || stages > inputs / 64 / split + 1) continue;
        if (stages * (64 + tile) * 128 > 160 << 10) continue;
        const std::int64_t most = std::min<std::int64_t>(inputs * outputs * 2, 6 << 20);
        if (flying < most / 2 || flying > 20 << 20) continue;
        plans.push_back({tile, split, stages});
      }
  return plans;
}

void run(const Model& model, std::int64_t rows, std::ofstream& file) {
  Layers layers(model, rows);
  const auto plan = [&](std::int64_t inputs, std::int64_t outputs, bool whole) {
    return cuda::plan_linear_wide(inputs, outputs, whole, 132);
  };
  const Plans chosen{plan(model.width, model.in_rows(), false),
                     model.mamba1 ? plan(model.inner(), model.x_rows(), false) : LinearWidePlan{},
                     plan(model.inner(), model.width, true)};
  const auto measure = [&](const Plans& plans, Left left = none) {
    const double us = layers.time(plans, left);
    file << "{\"model\":\"" << model.name << "\",\"rows\":" << rows;
    const auto put = [&](const char* name, const LinearWidePlan& p) {
      file << ",\"" << name << "\":[" << p.tile << "," << p.split << "," << p.stages << "]";
    };
    put("in", plans.in), put("out", plans.out);
    if (model.mamba1) put("x", plans.x);
    if (left != none) file << ",\"without\":\"" << kNames[left] << "\"";
    file << ",\"us_per_layer\":" << us << "}\n";
    return us;
  };
  std::printf("%s, %lld sequences: %.2f us per layer;", model.name, static_cast<long long>(rows),
              measure(chosen));
  for (const Left left : {in_proj, x_proj, recurrence, out_proj})
    if (left != x_proj || model.mamba1)
      std::printf(" without %s %.2f", kNames[left], measure(chosen, left));
  const auto search = [&](LinearWidePlan Plans::*which, const char* name, std::int64_t inputs,
                          std::int64_t outputs, bool whole) {
    double least = 1e30;
    LinearWidePlan best;
    for (const auto& other : others(inputs, outputs)) {
      if (whole && other.tile % 16 != 0) continue;
      Plans plans = chosen;
      plans.*which = other;
      if (const double us = measure(plans); us < least) least = us, best = other;
    }
    std::printf("; %s %d/%d/%d: %.2f", name, best.tile, best.split, best.stages, least);
  };
  search(&Plans::in, "in", model.width, model.in_rows(), false);
  search(&Plans::out, "out", model.inner(), model.width, true);
  std::printf("; chosen again %.2f\n", measure(chosen));
  std::fflush(stdout);
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 2 && count != 3) {
    std::fputs("decode_layers: the file of the measurements, then the rows or nothing\n", stderr);
    return 2;
  }
  try {
    std::ofstream file(arguments[1]);
    for (const Model& model : kModels) run(model, count == 3 ? std::stoll(arguments[2]) : 64, file);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}
