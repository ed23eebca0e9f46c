#include "kernels/cuda/linear_device.cuh"
#include "kernels/cuda/math.cuh"
#include "kernels/cuda/programmatic.cuh"
#include "kernels/cuda/selective_scan.hpp"

/// The decode step of Mamba-1's recurrence with dt_proj inside, 16 states.
namespace ssmprof::kernels::cuda {
namespace {

constexpr int kThreads = 128, kChannels = 16, kRows = 8, kState = 16;

/// Warps of which registers hold the states, on the devices that these kernels are made for.
constexpr std::int64_t kWarpsInRegisters = 132 * 12;
constexpr int kWarpInputs = kRows * 2 * kState * 2;  ///< bytes of a warp's rows of B and C
constexpr int kSharedBytes = kRows * 2 * kThreads * 16 + kThreads / kWarp * kWarpInputs;

/// The states of a thread and its part of B and C, in registers.
template <class T, class S, bool kShared>
struct Held {
  Pack<S, 4> states[kRows][2] = {};
  Pack<T, 4> bs[kRows], cs[kRows];

  __device__ void ask_state(int b, int half, const S* from, bool wanted) {
    if (wanted) states[b][half] = load_pack<4>(from);
  }
  template <class At>
  __device__ void ask_inputs(const SelectiveStateUpdateArgs& p, const At& at) {
#pragma unroll
    for (int b = 0; b < kRows; ++b)
      bs[b] = load_pack<4>(at(p.b, b)), cs[b] = load_pack<4>(at(p.c, b));
  }
  __device__ void wait() const {}
  __device__ Pack<S, 4> state(int b, int half) const {
    return states[b][half];
  }
  __device__ Pack<T, 4> b_of(int b) const {
    return bs[b];
  }
  __device__ Pack<T, 4> c_of(int b) const {
    return cs[b];
  }
};

/// The same in shared memory, the states in places of the thread's own, B and C in those of its
/// warp: where more warps have states to bring than registers hold at a time, all of them bring
/// theirs before the kernel ahead has ended.
template <class T, class S>
struct Held<T, S, true> {
  std::uint32_t states = shared_address(block_memory()) + threadIdx.x * 16;
  std::uint32_t inputs = shared_address(block_memory()) + kRows * 2 * kThreads * 16 +
                         threadIdx.x / kWarp * kWarpInputs + threadIdx.x % 4 * 8;

  __device__ void ask_state(int b, int half, const S* from, bool wanted) const {
    copy_async(states + (b * 2 + half) * kThreads * 16, from, wanted);
  }
  template <class At>
  __device__ void ask_inputs(const SelectiveStateUpdateArgs& p, const At& at) const {
    const int b = static_cast<int>(threadIdx.x) % kWarp / 4;
    copy_async_8(inputs + b * 64, at(p.b, b));
    copy_async_8(inputs + b * 64 + 32, at(p.c, b));
    commit_copies();
  }
  __device__ void wait() const {
    wait_for_copies<0>();
    __syncwarp();
  }
  __device__ Pack<S, 4> state(int b, int half) const {
    return load_shared_16<Pack<S, 4>>(states + (b * 2 + half) * kThreads * 16);
  }
  __device__ Pack<T, 4> b_of(int b) const { return load_shared_8<Pack<T, 4>>(inputs + b * 64); }
  __device__ Pack<T, 4> c_of(int b) const {
    return load_shared_8<Pack<T, 4>>(inputs + b * 64 + 32);
  }
};

/// A warp owns 16 channels of 8 sequences. Their Δ is one product of tensor cores: the weights are
/// its 16-row operand, eight sequences its columns; the inputs of a product are permuted so that
/// each lane reads 16 bytes. Then four neighbouring lanes share a channel's states, which they ask
/// for first of all: Δ of a channel is held by the same four lanes. `kWide`: 32 ranks each.
template <class T, class S, int kWide, bool kShared>
__global__ void __launch_bounds__(kThreads, kShared ? 5 : 3)
    selective_step_kernel(const SelectiveStateUpdateArgs p) {
  const int lane = threadIdx.x % kWarp, group = lane / 4, quarter = lane % 4;
  const int tiles = static_cast<int>(p.channels) / kChannels;
  const int unit = (blockIdx.x * blockDim.x + threadIdx.x) / kWarp;
  // The warps of a block have the same channels where they can: the weights come from the L1.
  const int groups = (static_cast<int>(p.batch) + kRows - 1) / kRows;
  const int first = unit / groups * kChannels, first_row = unit % groups * kRows;
  const int rank = static_cast<int>(p.rank);
  const int rows = min(kRows, static_cast<int>(p.batch) - first_row);
  if (unit >= tiles * groups) return;  // whole warps

  const auto ranks = [&](const T* row, int j) {
    const int k = j * 32 + quarter * 8;
    return k < rank ? *reinterpret_cast<const uint4*>(row + k) : uint4{};
  };
  const T* const weight =
      static_cast<const T*>(p.dt_weight) + static_cast<std::int64_t>(first + group) * rank;
  uint4 low[kWide], high[kWide];
#pragma unroll
  for (int j = 0; j < kWide; ++j) {
    low[j] = ranks(weight, j);
    high[j] = ranks(weight + 8 * rank, j);
  }
  S* const state = static_cast<S*>(p.ssm_state) +
                   (static_cast<std::int64_t>(first_row) * p.channels + first + group) * kState +
                   quarter * 4;
  const auto place = [&](int b, int half) {
    return state + (static_cast<std::int64_t>(b) * p.channels + half * 8) * kState;
  };
  Held<T, S, kShared> held;
  const auto load_states = [&] {
#pragma unroll
    for (int b = 0; b < kRows; ++b)
#pragma unroll
      for (int half = 0; half < 2; ++half) held.ask_state(b, half, place(b, half), b < rows);
  };
  if (p.state_settled) load_states();
  Pack<float, 4> a[2];
  float bias[2], skip[2];
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const int channel = first + half * 8 + group;
    a[half] = load_pack<4>(p.a + channel * kState + quarter * 4);
#pragma unroll
    for (int i = 0; i < 4; ++i) a[half].v[i] *= kLog2e;
    bias[half] = p.delta_bias != nullptr ? p.delta_bias[channel] : 0.0F;
    skip[half] = p.d != nullptr ? p.d[channel] : 0.0F;
  }

  wait_for_previous_grid();
  let_next_grid_start();
  if (!p.state_settled) load_states();
  // Lane (group, quarter) holds rows 2·quarter and the next of channels group and group + 8.
  const bool gated = p.z.data != nullptr;
  float u[4], gate[4], delta[4] = {};
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    const int row = first_row + min(quarter * 2 + i % 2, rows - 1);
    const int channel = first + i / 2 * 8 + group;
    u[i] = to_float(static_cast<const T*>(p.u.data)[row * p.u.batch_stride + channel]);
    gate[i] =
        gated ? to_float(static_cast<const T*>(p.z.data)[row * p.z.batch_stride + channel]) : 0.0F;
  }
  held.ask_inputs(p, [&](const ConstRows& r, int b) {
    const int row = first_row + min(b, rows - 1);
    return static_cast<const T*>(r.data) + row * r.batch_stride + quarter * 4;
  });
  const T* const given = static_cast<const T*>(p.delta.data) +
                         (first_row + min(group, rows - 1)) * p.delta.batch_stride;
#pragma unroll
  for (int j = 0; j < kWide; ++j) {
    const uint4 x = ranks(given, j);
    mma_k16<T>(delta, {low[j].x, high[j].x, low[j].y, high[j].y}, x.x, x.y);
    mma_k16<T>(delta, {low[j].z, high[j].z, low[j].w, high[j].w}, x.z, x.w);
  }
  held.wait();
  float scaled[4], y[4] = {};
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    delta[i] += bias[i / 2];
    if (p.delta_softplus) delta[i] = softplus<true>(delta[i]);
    scaled[i] = delta[i] * u[i];
  }

#pragma unroll
  for (int b = 0; b < kRows; ++b) {
    const Pack<T, 4> in = held.b_of(b), along = held.c_of(b);
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int i = half * 2 + b % 2, owner = group * 4 + b / 2;
      const float step = __shfl_sync(0xffffffffU, delta[i], owner);
      const float input = __shfl_sync(0xffffffffU, scaled[i], owner);
      Pack<S, 4> h = held.state(b, half);
      float sum = 0.0F;
#pragma unroll
      for (int n = 0; n < 4; ++n) {
        const float next =
            fmaf(exp2_fast(step * a[half].v[n]), to_float(h.v[n]), input * to_float(in.v[n]));
        sum = fmaf(to_float(along.v[n]), next, sum);
        h.v[n] = from_float<S>(next);
      }
      if (b < rows) {
        if constexpr (kShared)  // so large a state leaves the L2 before the next token
          store_pack_once(place(b, half), h);
        else
          store_pack(place(b, half), h);
      }
      sum = sum_of_four(sum);
      if (quarter == b / 2) y[i] = sum;
    }
  }
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    if (quarter * 2 + i % 2 >= rows) continue;
    float value = fmaf(skip[i / 2], u[i], y[i]);
    if (gated) value *= silu<true>(gate[i]);
    static_cast<T*>(p.out.data)[(first_row + quarter * 2 + i % 2) * p.out.batch_stride + first +
                                i / 2 * 8 + group] = from_float<T>(value);
  }
}

template <class T, class S>
void launch(const SelectiveStateUpdateArgs& p, const Launch& where) {
  const std::int64_t units = p.channels / kChannels * blocks_for(p.batch, kRows);
  const int threads = units >= 132 * 4 ? kThreads : kWarp;
  const auto blocks = static_cast<unsigned>(blocks_for(units * kWarp, threads));
  const auto go = [&](auto kernel, int shared) {
    launch_overlapping("selective_state_update", kernel, blocks, threads, shared, where, p);
  };
  if constexpr (sizeof(S) == 4)
    if (units > kWarpsInRegisters) {
      if (p.rank <= 64) return go(selective_step_kernel<T, S, 2, true>, kSharedBytes);
      return go(selective_step_kernel<T, S, 5, true>, kSharedBytes);
    }
  if (p.rank <= 64) return go(selective_step_kernel<T, S, 2, false>, 0);
  go(selective_step_kernel<T, S, 5, false>, 0);
}

}  // namespace

bool selective_step_supports(const SelectiveStateUpdateArgs& p) {
  const auto aligned = [](const void* at, std::size_t bytes) {
    return reinterpret_cast<std::uintptr_t>(at) % bytes == 0;
  };
  const auto packed = [](const ConstRows& r, std::size_t bytes) {
    return rows_aligned(r.data, r.batch_stride, 0, 2, bytes);
  };
  return p.dtype != DType::f32 && p.state == kState && p.channels % kChannels == 0 &&
         p.rank % 8 == 0 && p.rank <= 160 && packed(p.delta, 16) && packed(p.b, 8) &&
         packed(p.c, 8) && aligned(p.dt_weight, 16) && aligned(p.ssm_state, 16) &&
         aligned(p.a, 16) && p.batch * p.channels < (std::int64_t{1} << 30);
}

void selective_step(const SelectiveStateUpdateArgs& args, const Launch& where) {
  if (!selective_step_supports(args))
    throw std::invalid_argument(
        "selective_state_update: with a rank CUDA takes 16-bit types, 16 states, channels in "
        "sixteens, ranks in eights up to 160, aligned rows");
  const auto states = [&](auto t) {
    using T = decltype(t);
    dispatch(args.state_dtype, [&](auto s) { launch<T, decltype(s)>(args, where); });
  };
  if (args.dtype == DType::bf16)
    states(__nv_bfloat16{});
  else
    states(__half{});
}

}  // namespace ssmprof::kernels::cuda
