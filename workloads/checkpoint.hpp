#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "kernels/dtype.hpp"
#include "workloads/host_tensor.hpp"
#include "workloads/model_config.hpp"

namespace ssmprof::workloads {

/// A model as data: configuration and tensors under their Hugging Face names
/// ("backbone.layers.0.mixer.in_proj.weight"), whatever the file they came from called them.
/// Every tensor that `expected_tensors(config)` names is present with its shape; no other is.
struct Checkpoint {
  ModelConfig config;
  std::map<std::string, HostTensor> tensors;
  /// Masked pruning: [layer][group · N + n], 0 where B and C are to be zeroed (Mamba-2 after conv
  /// and SiLU, Mamba-1 after x_proj). Empty: nothing is masked.
  std::vector<std::vector<std::uint8_t>> state_mask;
  /// Of all names, shapes, dtypes and bytes. "seeded:…" instead hashes the recipe of generated
  /// weights (generator version, seed, dtype, configuration), "masked:…" the unmasked model's hash
  /// and the mask.
  std::string weights_hash;
  std::string config_hash;  ///< of the canonical configuration
};

/// How seeded weights fill a tensor.
/// normal: std 0.02; a_log_mamba1: log(1..N) per row; a_log_mamba2: log of uniform [1, 16];
/// dt_bias: inverse softplus of log-uniform [1e-3, 1e-1], at least 1e-4; conv: uniform
/// ±1/sqrt(width). Sources: the reference initialization of Mamba and Mamba-2.
enum class Init { normal, ones, zeros, a_log_mamba1, a_log_mamba2, dt_bias, conv };

struct ExpectedTensor {
  std::string name;
  std::vector<std::int64_t> shape;
  Init init;
};

/// The tensors that a model of this configuration has, with their shapes.
std::vector<ExpectedTensor> expected_tensors(const ModelConfig& config);

/// Reads config.json (Hugging Face or state-spaces layout) and model.safetensors or its sharded
/// index, memory-mapped, all tensors under canonical names. A tied model has no "lm_head.weight"
/// (one in the file must equal the embedding and is dropped). Throws reports::InputError saying
/// what is wrong with which file.
Checkpoint load_checkpoint(const std::filesystem::path& directory);

/// Writes config.json (Hugging Face layout) and model.safetensors, each whole or not at all. A
/// state mask is not part of the file format: throws reports::InputError when there is one.
void save_checkpoint(const Checkpoint& checkpoint, const std::filesystem::path& directory);

/// Fills config_hash and weights_hash (reads every byte of the tensors).
void rehash(Checkpoint& checkpoint);

/// Lets the state mask enter a weights_hash that does not know of it yet.
void hash_mask(Checkpoint& checkpoint);

/// A checkpoint of `config` with weights from a counter-based generator: the same numbers for the
/// same seed on every machine.
Checkpoint seeded_checkpoint(const ModelConfig& config, std::uint64_t seed, kernels::DType dtype);

}  // namespace ssmprof::workloads
