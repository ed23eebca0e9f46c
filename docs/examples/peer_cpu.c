/* A peer for the CPU: the gate, out = y * SiLU(z), in fp32.
 *
 *   cc -O3 -shared -fPIC -I <source root> peer_cpu.c -o libpeer_cpu.so -lm
 *   ssmprof kernels --device cpu --kernel gate --dtype fp32 --peer ./libpeer_cpu.so
 */
#include <math.h>

#include "kernels/bench/peer_abi.h"

int ssmprof_peer_version(void) {
  return SSMPROF_PEER_VERSION;
}

int ssmprof_peer_gate(const struct ssmprof_peer_gate_args* a, void* stream) {
  (void)stream;
  if (a->device != SSMPROF_PEER_CPU || a->dtype != SSMPROF_PEER_F32)
    return SSMPROF_PEER_UNSUPPORTED;
  for (int64_t b = 0; b < a->batch; ++b) {
    for (int64_t t = 0; t < a->length; ++t) {
      const float* y = (const float*)a->y.data + b * a->y.batch_stride + t * a->y.row_stride;
      const float* z = (const float*)a->z.data + b * a->z.batch_stride + t * a->z.row_stride;
      float* out = (float*)a->out.data + b * a->out.batch_stride + t * a->out.row_stride;
      for (int64_t c = 0; c < a->channels; ++c) out[c] = y[c] * z[c] / (1.0F + expf(-z[c]));
    }
  }
  return 0;
}
