#include "kernels/cpu/linear.hpp"

#include "kernels/cpu/convert.hpp"
#include "kernels/cpu/tasks.hpp"

namespace ssmprof::kernels::cpu {
namespace {

template <class T>
void run(const LinearArgs& a, int threads) {
  const double work = static_cast<double>(a.rows * a.outputs) * static_cast<double>(a.inputs);
  run_tasks(a.outputs, worthwhile_threads(threads, work), [&](std::int64_t n, int) {
    const T* weight = static_cast<const T*>(a.weight) + n * a.inputs;
    for (std::int64_t m = 0; m < a.rows; ++m) {
      const T* x = static_cast<const T*>(a.x.data) + m * a.x.row_stride;
      double sum = a.bias == nullptr ? 0.0 : to_float(static_cast<const T*>(a.bias)[n]);
      for (std::int64_t k = 0; k < a.inputs; ++k) {
        sum += static_cast<double>(to_float(x[k])) * static_cast<double>(to_float(weight[k]));
      }
      static_cast<T*>(a.y.data)[m * a.y.row_stride + n] = from_float<T>(static_cast<float>(sum));
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
