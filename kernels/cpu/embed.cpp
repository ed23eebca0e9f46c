#include "kernels/cpu/embed.hpp"

#include "kernels/cpu/convert.hpp"

namespace ssmprof::kernels::cpu {
namespace {

template <class T, class R>
void run(const EmbedArgs& a) {
  for (std::int64_t m = 0; m < a.rows; ++m) {
    const T* const row = static_cast<const T*>(a.table) + a.ids[m] * a.channels;
    for (std::int64_t i = 0; i < a.channels; ++i) {
      const std::int64_t at = m * a.channels + i;
      const float v = to_float(row[i]);
      static_cast<R*>(a.residual)[at] = from_float<R>(v);
      static_cast<T*>(a.next)[at] =
          from_float<T>(v * to_float(static_cast<const T*>(a.norm_weight)[i]));
      float& part = a.squares[at / kEmbedPart];
      if (i % kEmbedPart == 0) part = 0.0F;
      part += v * v;
    }
  }
}

template <class T>
void run(const EmbedArgs& a) {
  a.residual_dtype == DType::f32 ? run<T, float>(a) : run<T, T>(a);
}

}  // namespace

void embed(const EmbedArgs& args) {
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
