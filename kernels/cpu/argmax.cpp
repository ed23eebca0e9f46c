#include "kernels/cpu/argmax.hpp"

#include <cmath>

#include "kernels/cpu/convert.hpp"

namespace ssmprof::kernels::cpu {
namespace {

template <class T>
void run(const ArgmaxArgs& a) {
  for (std::int64_t m = 0; m < a.rows; ++m) {
    const T* const row = static_cast<const T*>(a.x.data) + m * a.x.row_stride;
    std::int64_t best = 0;
    for (std::int64_t i = 1; i < a.columns; ++i) {
      const float v = to_float(row[i]), most = to_float(row[best]);
      if (v > most || (std::isnan(v) && !std::isnan(most))) best = i;
    }
    a.out[m] = best;
  }
}

}  // namespace

void argmax(const ArgmaxArgs& args) {
  switch (args.dtype) {
    case DType::f32:
      return run<float>(args);
    case DType::f16:
      return run<F16>(args);
    case DType::bf16:
      return run<Bf16>(args);
  }
}

}  // namespace ssmprof::kernels::cpu
