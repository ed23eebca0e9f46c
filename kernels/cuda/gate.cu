#include "kernels/cuda/gate.hpp"
#include "kernels/cuda/math.cuh"
#include "kernels/cuda/programmatic.cuh"

namespace ssmprof::kernels::cuda {
namespace {

constexpr int kThreads = 256;

template <class T, int V>
__global__ void __launch_bounds__(kThreads) gate_kernel(const GateArgs a, std::int64_t vectors) {
  const std::int64_t id = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  const std::int64_t token = id / vectors;
  wait_for_previous_grid();
  let_next_grid_start();
  if (token >= a.length) return;
  const std::int64_t channel = (id - token * vectors) * V;
  const std::int64_t batch = blockIdx.y;
  const auto at = [&](const ConstRows& rows) {
    return static_cast<const T*>(rows.data) + batch * rows.batch_stride + token * rows.row_stride +
           channel;
  };
  const auto y = load_pack<V>(at(a.y));
  const auto z = load_pack<V>(at(a.z));
  Pack<T, V> out;
#pragma unroll
  for (int i = 0; i < V; ++i)
    out.v[i] = from_float<T>(to_float(y.v[i]) * silu<true>(to_float(z.v[i])));
  store_pack(
      static_cast<T*>(a.out.data) + batch * a.out.batch_stride + token * a.out.row_stride + channel,
      out);
}

}  // namespace

void gate(const GateArgs& args, const Launch& where) {
  dispatch(args.dtype, [&](auto type) {
    using T = decltype(type);
    constexpr int V = kVector<T>;
    const auto fits = [](const ConstRows& r) {
      return rows_aligned(r.data, r.batch_stride, r.row_stride, sizeof(T), 16);
    };
    const bool vector = args.channels % V == 0 && fits(args.y) && fits(args.z) && fits(args.out);
    const std::int64_t vectors = vector ? args.channels / V : args.channels;
    const dim3 grid(static_cast<unsigned>(blocks_for(vectors * args.length, kThreads)),
                    static_cast<unsigned>(args.batch));
    if (vector)
      launch_overlapping("gate", gate_kernel<T, V>, grid, kThreads, 0, where, args, vectors);
    else
      launch_overlapping("gate", gate_kernel<T, 1>, grid, kThreads, 0, where, args, vectors);
  });
}

}  // namespace ssmprof::kernels::cuda
