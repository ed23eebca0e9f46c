#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <string>
#include <tuple>

#include "reports/error.hpp"
#include "workloads/config_fields.hpp"
#include "workloads/config_json.hpp"
#include "workloads/text.hpp"

namespace ssmprof::workloads {

using nlohmann::json;

namespace {

/// What transformers 5.17's MambaConfig and Mamba2Config assume for absent keys.
struct Defaults {
  std::int64_t vocab_size, hidden_size, state_size, num_hidden_layers;
  bool tie_word_embeddings;
};
constexpr Defaults kMamba1{50280, 768, 16, 32, true};
constexpr Defaults kMamba2{32768, 4096, 128, 64, false};

Family family_of(const ConfigFields& fields) {
  if (fields.has("model_type")) {
    const std::string type = fields.text("model_type", "");
    if (type == "mamba") return Family::mamba1;
    if (type == "mamba2") return Family::mamba2;
    fields.fail("model_type", "is " + in_quotes(type) + ": only mamba and mamba2 are known");
  }
  const json& names = fields.at("architectures");
  if (names.is_array() && !names.empty() && names[0].is_string()) {
    const auto& name = names[0].get_ref<const std::string&>();
    if (name == "MambaForCausalLM" || name == "MambaModel") return Family::mamba1;
    if (name == "Mamba2ForCausalLM" || name == "Mamba2Model") return Family::mamba2;
    fields.fail("architectures", "names " + in_quotes(name) +
                                     ": only MambaForCausalLM and Mamba2ForCausalLM are known");
  }
  fields.fail("architectures", "must be an array of names (and model_type is absent)");
}

void read_state_sizes(const ConfigFields& fields, std::int64_t fallback, ModelConfig& config) {
  const std::int64_t size = fields.size("state_size", fallback, ConfigLimits::state);
  config.d_state.assign(static_cast<std::size_t>(config.n_layer), size);
  if (!fields.has("ssmprof_d_state")) return;
  const json& sizes = fields.at("ssmprof_d_state");
  if (!sizes.is_array() || sizes.size() != config.d_state.size()) {
    fields.fail("ssmprof_d_state", "must be an array with one size for each of the " +
                                       std::to_string(config.n_layer) + " layers");
  }
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    const json& value = sizes[i];
    if (!value.is_number_integer() || value < 1 || value > ConfigLimits::state) {
      fields.fail("ssmprof_d_state", "must hold whole numbers from 1 to " +
                                         std::to_string(ConfigLimits::state) + ", entry " +
                                         std::to_string(i) + " does not");
    }
    config.d_state[i] = value.get<std::int64_t>();
  }
}

void read_mamba1(const ConfigFields& fields, ModelConfig& config) {
  const auto own = fields.optional_size("intermediate_size", ConfigLimits::d_inner);
  config.d_inner = own ? *own : expanded(fields, config.d_model);
  const bool automatic = !fields.has("time_step_rank") || fields.at("time_step_rank") == "auto";
  config.dt_rank = automatic ? (config.d_model + 15) / 16
                             : fields.size("time_step_rank", 0, ConfigLimits::d_inner);
}

void read_mamba2(const ConfigFields& fields, ModelConfig& config) {
  config.d_inner = expanded(fields, config.d_model);
  config.n_heads = fields.size("num_heads", 128, ConfigLimits::d_inner);
  config.head_dim = fields.size("head_dim", 64, ConfigLimits::d_inner);
  config.n_groups = fields.size("n_groups", 8, ConfigLimits::d_inner);
  config.chunk_size = fields.size("chunk_size", 256, ConfigLimits::chunk);
  // Not read by transformers for this family, so a different value is a contradiction.
  if (fields.size("intermediate_size", config.d_inner, ConfigLimits::d_inner) != config.d_inner) {
    fields.fail("intermediate_size",
                "contradicts expand times hidden_size = " + std::to_string(config.d_inner));
  }
  if (config.n_heads * config.head_dim != config.d_inner) {
    fields.fail("num_heads", "times head_dim is " +
                                 std::to_string(config.n_heads * config.head_dim) +
                                 ", but expand times hidden_size is " +
                                 std::to_string(config.d_inner) + ": they must be equal");
  }
  // transformers normalizes the whole inner dimension, whatever the number of groups.
  config.norm_group_size =
      fields.size("ssmprof_norm_group_size", config.d_inner, ConfigLimits::d_inner);
  std::tie(config.dt_min, config.dt_max) = step_limits(fields, "time_step_limit");
}

/// The double with the shortest text that means this float: 1e-05, not 9.999999747378752e-06.
double readable(float value) {
  std::array<char, 32> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
  double wide = 0;
  std::from_chars(text.data(), end, wide);
  return wide;
}

/// {"__float__": "Infinity"} as transformers 5 writes it, or the number.
json tagged(float value) {
  if (value == std::numeric_limits<float>::infinity()) return {{"__float__", "Infinity"}};
  return readable(value);
}

}  // namespace

ModelConfig parse_transformers_config(const json& source, const std::string& where) {
  const ConfigFields fields(source, where);
  ModelConfig config;
  config.origin = "transformers";
  config.family = family_of(fields);
  const bool first = config.family == Family::mamba1;
  const Defaults& defaults = first ? kMamba1 : kMamba2;

  config.d_model = fields.size("hidden_size", defaults.hidden_size, ConfigLimits::d_model);
  config.n_layer =
      fields.size("num_hidden_layers", defaults.num_hidden_layers, ConfigLimits::n_layer);
  config.vocab_size = fields.size("vocab_size", defaults.vocab_size, ConfigLimits::vocab);
  config.d_conv = fields.size("conv_kernel", 4, ConfigLimits::conv);
  config.norm_eps = static_cast<float>(fields.number("layer_norm_epsilon", 1e-5));
  config.use_bias = fields.flag("use_bias", false);
  config.use_conv_bias = fields.flag("use_conv_bias", true);
  config.residual_in_fp32 = fields.flag("residual_in_fp32", true);
  config.tie_embeddings = fields.flag("tie_word_embeddings", defaults.tie_word_embeddings);
  const std::string activation = fields.text("hidden_act", "silu");
  if (activation != "silu" && activation != "swish") {
    fields.fail("hidden_act", "is " + in_quotes(activation) + ": only silu is implemented");
  }
  fields.only("rms_norm", true, "only RMSNorm is implemented");
  if (fields.has("quantization_config")) {
    fields.fail("quantization_config", "is set: quantized weights are not supported");
  }
  read_state_sizes(fields, defaults.state_size, config);
  first ? read_mamba1(fields, config) : read_mamba2(fields, config);
  return config;
}

json to_hf_json(const ModelConfig& config) {
  const bool first = config.family == Family::mamba1;
  const std::int64_t largest = *std::max_element(config.d_state.begin(), config.d_state.end());
  json out = {
      {"architectures", {first ? "MambaForCausalLM" : "Mamba2ForCausalLM"}},
      {"model_type", first ? "mamba" : "mamba2"},
      {"hidden_size", config.d_model},
      {"num_hidden_layers", config.n_layer},
      {"vocab_size", config.vocab_size},
      {"state_size", largest},
      {"conv_kernel", config.d_conv},
      {"layer_norm_epsilon", readable(config.norm_eps)},
      {"use_bias", config.use_bias},
      {"use_conv_bias", config.use_conv_bias},
      {"residual_in_fp32", config.residual_in_fp32},
      {"tie_word_embeddings", config.tie_embeddings},
      {"hidden_act", "silu"},
  };
  // transformers wants a whole number here; Mamba-1's intermediate_size says the rest.
  const double expand = static_cast<double>(config.d_inner) / static_cast<double>(config.d_model);
  if (first || config.d_inner % config.d_model == 0) {
    out["expand"] = std::max<std::int64_t>(1, config.d_inner / config.d_model);
  } else {
    out["expand"] = expand;
  }
  if (first) {
    out["intermediate_size"] = config.d_inner;
    out["time_step_rank"] = config.dt_rank;
  } else {
    out["num_heads"] = config.n_heads;
    out["head_dim"] = config.head_dim;
    out["n_groups"] = config.n_groups;
    out["chunk_size"] = config.chunk_size;
    out["time_step_limit"] = {tagged(config.dt_min), tagged(config.dt_max)};
    if (config.norm_group_size != config.d_inner) {
      out["ssmprof_norm_group_size"] = config.norm_group_size;
    }
  }
  for (const std::int64_t size : config.d_state) {
    if (size != largest) out["ssmprof_d_state"] = config.d_state;
  }
  return out;
}

}  // namespace ssmprof::workloads
