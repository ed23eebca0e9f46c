#include "kernels/cuda/common.cuh"
#include "kernels/cuda/embed.hpp"
#include "kernels/cuda/programmatic.cuh"

namespace ssmprof::kernels::cuda {
namespace {

constexpr int kThreads = 128;
static_assert(kEmbedPart == 16, "a half-warp sums a part");

/// One channel per thread, one row of the table per blockIdx.y.
template <class T, class R>
__global__ void __launch_bounds__(kThreads) embed_kernel(const EmbedArgs a) {
  const std::int64_t row = blockIdx.y;
  const std::int64_t channel = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  wait_for_previous_grid();
  let_next_grid_start();
  const bool given = channel < a.channels;  // whole parts together
  const std::int64_t at = row * a.channels + channel;
  float v = 0.0F;
  if (given) {
    v = to_float(static_cast<const T*>(a.table)[a.ids[row] * a.channels + channel]);
    static_cast<R*>(a.residual)[at] = from_float<R>(v);
    static_cast<T*>(a.next)[at] =
        from_float<T>(v * to_float(static_cast<const T*>(a.norm_weight)[channel]));
  }
  float sum = v * v;
#pragma unroll
  for (int lane = 8; lane > 0; lane /= 2) sum += __shfl_xor_sync(0xffffffffU, sum, lane);
  if (given && threadIdx.x % 16 == 0) a.squares[at / kEmbedPart] = sum;
}

}  // namespace

void embed(const EmbedArgs& args, const Launch& where) {
  if (args.rows > 65535) throw std::invalid_argument("embed: more than 65535 rows on CUDA");
  const dim3 grid(static_cast<unsigned>(blocks_for(args.channels, kThreads)),
                  static_cast<unsigned>(args.rows));
  dispatch(args.dtype, [&](auto t) {
    dispatch(args.residual_dtype, [&](auto r) {
      launch_overlapping("embed", embed_kernel<decltype(t), decltype(r)>, grid, kThreads, 0, where,
                         args);
    });
  });
}

}  // namespace ssmprof::kernels::cuda
