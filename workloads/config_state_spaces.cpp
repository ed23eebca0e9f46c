#include <array>
#include <string>
#include <string_view>
#include <tuple>

#include "reports/error.hpp"
#include "workloads/config_fields.hpp"
#include "workloads/config_json.hpp"
#include "workloads/text.hpp"

namespace ssmprof::workloads {

using nlohmann::json;

namespace {

// Keys of ssm_cfg that only concern initialization or the choice of kernels.
constexpr std::array<std::string_view, 10> kHarmless = {
    "dt_min",    "dt_max",       "dt_init",       "dt_scale",         "dt_init_floor",
    "conv_init", "A_init_range", "use_fast_path", "use_mem_eff_path", "layer"};
constexpr std::array<std::string_view, 6> kMamba1 = {"d_state", "d_conv",    "expand",
                                                     "dt_rank", "conv_bias", "bias"};
constexpr std::array<std::string_view, 13> kMamba2 = {
    "d_state", "d_conv",   "expand",           "headdim", "ngroups",   "d_ssm",     "D_has_hdim",
    "rmsnorm", "dt_limit", "norm_before_gate", "bias",    "conv_bias", "chunk_size"};

template <std::size_t N>
bool contains(const std::array<std::string_view, N>& keys, std::string_view key) {
  for (const auto known : keys) {
    if (known == key) return true;
  }
  return false;
}

void refuse_unknown(const ConfigFields& ssm, Family family) {
  for (const auto& [key, value] : ssm.object().items()) {
    const bool known = contains(kHarmless, key) ||
                       (family == Family::mamba1 ? contains(kMamba1, key) : contains(kMamba2, key));
    if (!known) ssm.fail(in_quotes(key), "is not a key this program knows the meaning of");
  }
}

Family family_of(const ConfigFields& ssm) {
  const std::string layer = ssm.text("layer", "Mamba1");
  if (layer == "Mamba1") return Family::mamba1;
  if (layer == "Mamba2") return Family::mamba2;
  ssm.fail("layer", "is " + in_quotes(layer) + ": only Mamba1 and Mamba2 are known");
}

void read_mamba1(const ConfigFields& ssm, ModelConfig& config) {
  const bool automatic = !ssm.has("dt_rank") || ssm.at("dt_rank") == "auto";
  config.dt_rank =
      automatic ? (config.d_model + 15) / 16 : ssm.size("dt_rank", 0, ConfigLimits::d_inner);
}

void read_mamba2(const ConfigFields& ssm, ModelConfig& config) {
  config.head_dim = ssm.size("headdim", 64, ConfigLimits::d_inner);
  if (config.d_inner % config.head_dim != 0) {
    ssm.fail("headdim", "is " + std::to_string(config.head_dim) +
                            ", which does not divide the inner width " +
                            std::to_string(config.d_inner));
  }
  config.n_heads = config.d_inner / config.head_dim;
  config.n_groups = ssm.size("ngroups", 1, ConfigLimits::d_inner);
  config.chunk_size = ssm.size("chunk_size", 256, ConfigLimits::chunk);
  if (ssm.size("d_ssm", config.d_inner, ConfigLimits::d_inner) != config.d_inner) {
    ssm.fail("d_ssm", "differs from the inner width " + std::to_string(config.d_inner) +
                          ": a gated MLP beside the SSM is not implemented");
  }
  ssm.only("rmsnorm", true, "a Mamba-2 block without its gated norm is not implemented");
  ssm.only("norm_before_gate", false, "only the gate before the norm is implemented");
  ssm.only("D_has_hdim", false, "only one D per head is implemented");
  std::tie(config.dt_min, config.dt_max) = step_limits(ssm, "dt_limit");
}

}  // namespace

ModelConfig parse_state_spaces_config(const json& source, const std::string& where) {
  static const json kEmpty = json::object();
  const ConfigFields fields(source, where);
  const ConfigFields ssm(fields.has("ssm_cfg") ? fields.at("ssm_cfg") : kEmpty, where, "ssm_cfg.");
  ModelConfig config;
  config.origin = "state-spaces";
  config.family = family_of(ssm);
  refuse_unknown(ssm, config.family);
  if (!fields.has("d_model") || !fields.has("n_layer")) {
    fields.fail(fields.has("d_model") ? "n_layer" : "d_model", "is missing");
  }
  config.d_model = fields.size("d_model", 0, ConfigLimits::d_model);
  config.n_layer = fields.size("n_layer", 0, ConfigLimits::n_layer);
  // The vocabulary is padded to a multiple; the padding has weights like any other token.
  const std::int64_t multiple = fields.size("pad_vocab_size_multiple", 8, ConfigLimits::vocab);
  const std::int64_t vocabulary = fields.size("vocab_size", 50277, ConfigLimits::vocab);
  config.vocab_size = (vocabulary + multiple - 1) / multiple * multiple;
  config.residual_in_fp32 = fields.flag("residual_in_fp32", true);
  config.tie_embeddings = fields.flag("tie_embeddings", true);
  fields.only("rms_norm", true, "only RMSNorm is implemented");
  fields.flag("fused_add_norm", true);  // the same numbers either way
  if (fields.has("d_intermediate") && fields.at("d_intermediate") != 0) {
    fields.fail("d_intermediate", "is set: MLP blocks are not implemented");
  }
  for (const char* key : {"attn_layer_idx", "attn_cfg"}) {
    if (fields.has(key) && !fields.at(key).empty()) {
      fields.fail(key, "is set: attention layers are not implemented");
    }
  }
  config.d_inner = expanded(ssm, config.d_model);
  config.d_conv = ssm.size("d_conv", 4, ConfigLimits::conv);
  config.use_bias = ssm.flag("bias", false);
  config.use_conv_bias = ssm.flag("conv_bias", true);
  const bool first = config.family == Family::mamba1;
  const std::int64_t state = ssm.size("d_state", first ? 16 : 128, ConfigLimits::state);
  config.d_state.assign(static_cast<std::size_t>(config.n_layer), state);
  first ? read_mamba1(ssm, config) : read_mamba2(ssm, config);
  // mamba_ssm normalizes each group on its own; checked to divide by validate().
  if (!first) config.norm_group_size = config.d_inner / config.n_groups;
  return config;
}

}  // namespace ssmprof::workloads
