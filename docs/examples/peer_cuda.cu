// A peer for the GPU: the gate, out = y · SiLU(z), for every element type, one thread per element.
//
//   nvcc -shared -Xcompiler -fPIC -arch=sm_90 -I <source root> peer_cuda.cu -o libpeer_cuda.so
//   ssmprof kernels --kernel gate --peer ./libpeer_cuda.so
#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include "kernels/bench/peer_abi.h"

namespace {

template <class T>
__global__ void gate_kernel(const ssmprof_peer_gate_args a) {
  const int64_t t = blockIdx.y, b = blockIdx.z;
  const int64_t c = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (c >= a.channels) return;
  const auto at = [&](const ssmprof_peer_rows& r) {
    return static_cast<T*>(r.data) + b * r.batch_stride + t * r.row_stride + c;
  };
  const float y = static_cast<float>(*at(a.y)), z = static_cast<float>(*at(a.z));
  *at(a.out) = static_cast<T>(y * z / (1.0F + expf(-z)));
}

}  // namespace

extern "C" int ssmprof_peer_version(void) {
  return SSMPROF_PEER_VERSION;
}

extern "C" int ssmprof_peer_gate(const ssmprof_peer_gate_args* a, void* stream) {
  if (a->device != SSMPROF_PEER_CUDA || a->length > 65535 || a->batch > 65535)
    return SSMPROF_PEER_UNSUPPORTED;
  const dim3 grid(static_cast<unsigned>((a->channels + 255) / 256),
                  static_cast<unsigned>(a->length), static_cast<unsigned>(a->batch));
  auto* const on = static_cast<cudaStream_t>(stream);
  if (a->dtype == SSMPROF_PEER_BF16)
    gate_kernel<__nv_bfloat16><<<grid, 256, 0, on>>>(*a);
  else if (a->dtype == SSMPROF_PEER_F16)
    gate_kernel<__half><<<grid, 256, 0, on>>>(*a);
  else
    gate_kernel<float><<<grid, 256, 0, on>>>(*a);
  return static_cast<int>(cudaGetLastError());
}
