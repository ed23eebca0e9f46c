/* The C ABI through which another implementation is timed beside the native kernels.
 *
 * A peer is a shared library that exports
 *     int ssmprof_peer_version(void);                      returns SSMPROF_PEER_VERSION
 * and, for each kernel that it implements,
 *     int ssmprof_peer_<kernel>(const struct ssmprof_peer_<kernel>_args*, void* stream);
 * which returns 0, or SSMPROF_PEER_UNSUPPORTED when it does not handle these arguments (anything
 * else is reported as a failure). With device = SSMPROF_PEER_CUDA all pointers are device memory
 * and the work is enqueued on `stream` (a cudaStream_t) without waiting; it is called once outside
 * a graph before it is captured into one, so work that may happen only once (module loading,
 * workspace allocation) belongs there. With device = SSMPROF_PEER_CPU all pointers are host memory,
 * `stream` is null, and the work is done on return. Strides are in elements; channels are
 * contiguous. A null pointer means that the operand is not given. The meaning of every operand is
 * that of the header of the same name in kernels/. docs/examples/ has a peer for either device. */
#ifndef SSMPROF_PEER_ABI_H
#define SSMPROF_PEER_ABI_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SSMPROF_PEER_VERSION 2
#define SSMPROF_PEER_UNSUPPORTED (-1)

enum ssmprof_peer_dtype { SSMPROF_PEER_F32 = 0, SSMPROF_PEER_F16 = 1, SSMPROF_PEER_BF16 = 2 };
enum ssmprof_peer_device { SSMPROF_PEER_CPU = 0, SSMPROF_PEER_CUDA = 1 };

/* Element (b, t, c) stands at data[b * batch_stride + t * row_stride + c]. */
struct ssmprof_peer_rows {
  void* data;
  int64_t batch_stride, row_stride;
};

struct ssmprof_peer_causal_conv1d_args {
  int32_t dtype, device, silu, unused;
  int64_t batch, length, channels, width;
  struct ssmprof_peer_rows x, out;
  const void *weight, *bias; /* [channels, width], [channels] */
  const void* initial_state; /* [batch, width-1, channels], oldest first */
  void* final_state;
};

/* One decode step: the state is shifted in place. Rows of decode steps have length 1: element (b,
 * c) stands at data[b * batch_stride + c]. */
struct ssmprof_peer_causal_conv1d_update_args {
  int32_t dtype, device, silu, unused;
  int64_t batch, channels, width;
  struct ssmprof_peer_rows x, out;
  const void *weight, *bias;
  void* state; /* [batch, width-1, channels], oldest first */
};

struct ssmprof_peer_selective_scan_args {
  int32_t dtype, device, delta_softplus, unused;
  int64_t batch, length, channels, state;
  struct ssmprof_peer_rows u, delta, b, c, z, out;
  const float *a, *d, *delta_bias; /* [channels, state], [channels], [channels] */
  const float* initial_state;      /* [batch, channels, state] */
  float* final_state;
};

struct ssmprof_peer_selective_state_update_args {
  int32_t dtype, device, state_dtype, delta_softplus;
  int64_t batch, channels, state;
  struct ssmprof_peer_rows u, delta, b, c, z, out;
  const float *a, *d, *delta_bias;
  void* ssm_state; /* [batch, channels, state], updated in place */
};

struct ssmprof_peer_ssd_args {
  int32_t dtype, device, dt_softplus, unused;
  int64_t batch, length, heads, head_dim, groups, state;
  struct ssmprof_peer_rows x, b, c, dt, z, out;
  const float *a, *d, *dt_bias; /* [heads] */
  float dt_min, dt_max;
  const float* initial_state; /* [batch, heads, head_dim, state] */
  float* final_state;
};

struct ssmprof_peer_ssd_state_update_args {
  int32_t dtype, device, state_dtype, dt_softplus;
  int64_t batch, heads, head_dim, groups, state;
  struct ssmprof_peer_rows x, b, c, dt, z, out;
  const float *a, *d, *dt_bias;
  float dt_min, dt_max;
  void* ssm_state; /* [batch, heads, head_dim, state], updated in place */
};

/* The whole step between a Mamba-2 block's in_proj and its norm: convolution and SiLU of xbc, state
 * update, skip and gate. */
struct ssmprof_peer_ssd_step_args {
  int32_t dtype, device, state_dtype, dt_softplus;
  int64_t batch, heads, head_dim, groups, state, width;
  struct ssmprof_peer_rows xbc, dt, z,
      out;                             /* xbc: heads * head_dim + 2 * groups * state channels */
  const void *conv_weight, *conv_bias; /* [channels of xbc, width], [channels of xbc] */
  void* conv_state;                    /* [batch, width-1, channels of xbc], in place */
  const float *a, *d, *dt_bias;
  float dt_min, dt_max;
  void* ssm_state; /* [batch, heads, head_dim, state], updated in place */
};

struct ssmprof_peer_gate_args {
  int32_t dtype, device;
  int64_t batch, length, channels;
  struct ssmprof_peer_rows y, z, out;
};

/* batch_stride of the rows below is unused: [tokens, channels]. */
struct ssmprof_peer_rms_norm_args {
  int32_t dtype, device, x_dtype, residual_dtype;
  int64_t tokens, channels;
  struct ssmprof_peer_rows x, residual, residual_out, out;
  const void* weight;
  float eps, unused;
};

struct ssmprof_peer_gated_rms_norm_args {
  int32_t dtype, device;
  int64_t tokens, channels, group_size;
  struct ssmprof_peer_rows y, z, out;
  const void* weight;
  float eps, unused;
};

struct ssmprof_peer_linear_args {
  int32_t dtype, device;
  int64_t rows, inputs, outputs;
  struct ssmprof_peer_rows x, y;
  const void *weight, *bias; /* [outputs, inputs], [outputs] */
};

#ifdef __cplusplus
}
#endif

#endif
