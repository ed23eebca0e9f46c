#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "workloads/model_config.hpp"

namespace ssmprof::workloads {

/// Reads a model configuration in the Hugging Face layout (model_type "mamba" or "mamba2", or the
/// architectures' names) or in the original state-spaces layout (d_model, n_layer, ssm_cfg).
/// Missing keys take the family's defaults. Keys of our own, for models that neither layout can
/// describe: "ssmprof_d_state" (states per layer, an array) and "ssmprof_norm_group_size".
/// `where` names the file in messages. Throws reports::InputError naming the key.
ModelConfig parse_config(const nlohmann::json& json, const std::string& where);

/// The same from text; bare Infinity, -Infinity and NaN outside strings are understood as older
/// transformers wrote them (elsewhere than in time_step_limit they are refused).
ModelConfig parse_config_text(const std::string& text, const std::string& where);
ModelConfig read_config_file(const std::filesystem::path& file);

/// The configuration in the Hugging Face layout (plus our own keys where they are needed), so that
/// parse_config(to_hf_json(c)) describes the same model.
nlohmann::json to_hf_json(const ModelConfig& config);

/// Hash of what the configuration means, not of how it was written; name and origin do not enter.
std::string config_hash(const ModelConfig& config);

/// The two layouts; use parse_config().
ModelConfig parse_transformers_config(const nlohmann::json& json, const std::string& where);
ModelConfig parse_state_spaces_config(const nlohmann::json& json, const std::string& where);

}  // namespace ssmprof::workloads
