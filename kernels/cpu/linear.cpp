#include "kernels/cpu/linear.hpp"

#include <algorithm>
#include <cmath>

#include "kernels/cpu/convert.hpp"
#include "kernels/cpu/tasks.hpp"

namespace ssmprof::kernels::cpu {
namespace {

float scale_of(const LinearArgs& a, std::int64_t m) {
  if (a.scale.squares == nullptr) return 1.0F;
  double sum = 0.0;
  for (std::int64_t p = 0; p < a.scale.parts; ++p) sum += a.scale.squares[m * a.scale.parts + p];
  return static_cast<float>(1.0 /
                            std::sqrt(sum / static_cast<double>(a.scale.channels) + a.scale.eps));
}

/// Output n of row m through its channel's window, which moves on.
template <class T>
void convolve(const LinearConv& c, std::int64_t m, std::int64_t channel, T newest) {
  T* const state = static_cast<T*>(c.state) + m * 3 * c.channels + channel;
  const T* const weight = static_cast<const T*>(c.weight) + channel * 4;
  const T window[4] = {state[0], state[c.channels], state[2 * c.channels], newest};
  float sum = c.bias == nullptr ? 0.0F : to_float(static_cast<const T*>(c.bias)[channel]);
  for (int k = 0; k < 4; ++k) sum += to_float(weight[k]) * to_float(window[k]);
  for (int k = 0; k < 3; ++k) state[k * c.channels] = window[k + 1];
  static_cast<T*>(c.out.data)[m * c.out.row_stride + channel] =
      from_float<T>(sum / (1.0F + std::exp(-sum)));
}

template <class T, class R>
void add_residual(const LinearResidual& r, std::int64_t outputs, std::int64_t m, std::int64_t n,
                  float value) {
  R& stream = static_cast<R*>(r.data)[m * outputs + n];
  const float sum = to_float(stream) + value;
  stream = from_float<R>(sum);
  static_cast<T*>(r.next)[m * outputs + n] =
      from_float<T>(sum * to_float(static_cast<const T*>(r.weight)[n]));
  float& part = r.squares[(m * outputs + n) / kLinearPart];
  if (n % kLinearPart == 0) part = 0.0F;
  part += sum * sum;
}

template <class T>
void finish(const LinearArgs& a, std::int64_t m, std::int64_t n, float value) {
  if (a.residual.data != nullptr) {
    if (a.residual.dtype == DType::f32) {
      add_residual<T, float>(a.residual, a.outputs, m, n, value);
    } else {
      add_residual<T, T>(a.residual, a.outputs, m, n, value);
    }
  } else if (const std::int64_t channel = n - a.conv.first;
             channel >= 0 && channel < a.conv.channels) {
    convolve(a.conv, m, channel, from_float<T>(value));
  } else {
    static_cast<T*>(a.y.data)[m * a.y.row_stride + n] = from_float<T>(value);
  }
}

/// A task has kLinearPart outputs, in order.
template <class T>
void run(const LinearArgs& a, int threads) {
  const double work = static_cast<double>(a.rows * a.outputs) * static_cast<double>(a.inputs);
  const std::int64_t tasks = (a.outputs + kLinearPart - 1) / kLinearPart;
  run_tasks(tasks, worthwhile_threads(threads, work), [&](std::int64_t task, int) {
    const std::int64_t end = std::min(a.outputs, (task + 1) * kLinearPart);
    for (std::int64_t m = 0; m < a.rows; ++m) {
      const T* x = static_cast<const T*>(a.x.data) + m * a.x.row_stride;
      const auto scale = static_cast<double>(scale_of(a, m));
      for (std::int64_t n = task * kLinearPart; n < end; ++n) {
        const T* weight = static_cast<const T*>(a.weight) + n * a.inputs;
        double sum = 0.0;
        for (std::int64_t k = 0; k < a.inputs; ++k) {
          sum += static_cast<double>(to_float(x[k])) * static_cast<double>(to_float(weight[k]));
        }
        sum *= scale;
        if (a.bias != nullptr) {
          sum += static_cast<double>(to_float(static_cast<const T*>(a.bias)[n]));
        }
        finish<T>(a, m, n, static_cast<float>(sum));
      }
    }
  });
}

}  // namespace

void linear(const LinearArgs& args, int threads) {
  switch (args.dtype) {
    case DType::f32:
      return run<float>(args, threads);
    case DType::f16:
      return run<F16>(args, threads);
    case DType::bf16:
      return run<Bf16>(args, threads);
  }
}

}  // namespace ssmprof::kernels::cpu
