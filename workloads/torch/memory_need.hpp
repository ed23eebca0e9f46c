#pragma once

#include <cstdint>
#include <string>

#include "workloads/checkpoint.hpp"
#include "workloads/execution.hpp"

namespace ssmprof::workloads {

/// Bytes that placing the weights allocates (fp32 copies for A, D and the biases of Δ included).
std::uint64_t weights_need(const Checkpoint& checkpoint, const ExecutionSpec& spec);

/// Conv and SSM states of `batch` sequences.
std::uint64_t state_need(const ModelConfig& config, const ExecutionSpec& spec, std::int64_t batch);

/// The most that a pass over [batch, length] tokens holds at once, from the shapes of the tensors
/// that live together (tests hold it against the allocator's books).
std::uint64_t activations_need(const ModelConfig& config, const ExecutionSpec& spec,
                               std::int64_t batch, std::int64_t length, Logits logits);

/// Throws reports::EnvironmentError, saying how much is needed and how much there is, when `bytes`
/// do not fit on the execution's device.
void require_memory(const ExecutionSpec& spec, std::uint64_t bytes, const std::string& what);

}  // namespace ssmprof::workloads
