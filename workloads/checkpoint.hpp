#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "kernels/dtype.hpp"
#include "workloads/model_config.hpp"

namespace ssmprof::workloads {

/// A named tensor in host memory, contiguous; `owner` keeps the mapping or buffer alive.
struct HostTensor {
  kernels::DType dtype = kernels::DType::f32;
  std::vector<std::int64_t> shape;
  const std::byte* data = nullptr;
  std::shared_ptr<const void> owner;

  std::int64_t elements() const {
    std::int64_t n = 1;
    for (auto s : shape) n *= s;
    return n;
  }
};

/// A model as data: configuration and tensors under their Hugging Face names
/// ("backbone.layers.0.mixer.in_proj.weight"), whatever the file they came from called them.
/// Every tensor that `expected_tensors(config)` names is present with its shape; no other is.
struct Checkpoint {
  ModelConfig config;
  std::map<std::string, HostTensor> tensors;
  /// Masked pruning: [layer][group · N + n], 0 where B and C are to be zeroed (Mamba-2 after conv
  /// and SiLU, Mamba-1 after x_proj). Empty: nothing is masked.
  std::vector<std::vector<std::uint8_t>> state_mask;
  std::string weights_hash;  ///< of all names, shapes, dtypes and bytes
  std::string config_hash;   ///< of the canonical configuration
};

/// How seeded weights fill a tensor.
enum class Init { normal, ones, zeros, a_log_mamba1, a_log_mamba2, dt_bias, conv };

struct ExpectedTensor {
  std::string name;
  std::vector<std::int64_t> shape;
  Init init;
};

/// The tensors that a model of this configuration has, with their shapes.
std::vector<ExpectedTensor> expected_tensors(const ModelConfig& config);

/// Reads config.json (Hugging Face or state-spaces layout) and model.safetensors or its sharded
/// index, memory-mapped. Throws reports::InputError saying what is wrong with which file.
Checkpoint load_checkpoint(const std::filesystem::path& directory);

/// A checkpoint of `config` with weights from a counter-based generator: the same numbers for the
/// same seed on every machine.
Checkpoint seeded_checkpoint(const ModelConfig& config, std::uint64_t seed, kernels::DType dtype);

}  // namespace ssmprof::workloads
