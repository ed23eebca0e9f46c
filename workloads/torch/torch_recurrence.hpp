#pragma once

#include "workloads/torch/ops.hpp"

namespace ssmprof::workloads {

/// Mamba-1's recurrence in ATen without the gate, vectorized over the sequence: time is cut into
/// blocks that bound the memory and blocks into strips; all strips advance together, then the
/// carries run over the strips. Only products of decays occur, never quotients, so nothing
/// overflows. fp32 inside.
at::Tensor torch_scan(const ScanCall& call);

/// Mamba-2's chunked form (arXiv 2405.21060, listing 1) with call.chunk, in fp32: segment sums
/// under the causal mask, several chunks in one batch as memory allows.
at::Tensor torch_ssd(const SsdCall& call);

/// Bytes that the largest tensor of one block of either may take (more when a single token or
/// chunk needs more): what stays in a CPU's cache, or what keeps a GPU busy with few launches.
std::int64_t recurrence_budget(const at::Device& device);

}  // namespace ssmprof::workloads
