#include "workloads/checkpoint.hpp"

namespace ssmprof::workloads {

namespace {

void add_mamba1(const ModelConfig& c, std::size_t layer, const std::string& mixer,
                std::vector<ExpectedTensor>& all) {
  const std::int64_t n = c.d_state[layer];
  all.push_back({mixer + "A_log", {c.d_inner, n}, Init::a_log_mamba1});
  all.push_back({mixer + "D", {c.d_inner}, Init::ones});
  all.push_back({mixer + "x_proj.weight", {c.dt_rank + 2 * n, c.d_inner}, Init::normal});
  all.push_back({mixer + "dt_proj.weight", {c.d_inner, c.dt_rank}, Init::normal});
  all.push_back({mixer + "dt_proj.bias", {c.d_inner}, Init::dt_bias});
}

void add_mamba2(const ModelConfig& c, const std::string& mixer, std::vector<ExpectedTensor>& all) {
  all.push_back({mixer + "A_log", {c.n_heads}, Init::a_log_mamba2});
  all.push_back({mixer + "D", {c.n_heads}, Init::ones});
  all.push_back({mixer + "dt_bias", {c.n_heads}, Init::dt_bias});
  all.push_back({mixer + "norm.weight", {c.d_inner}, Init::ones});
}

}  // namespace

std::vector<ExpectedTensor> expected_tensors(const ModelConfig& config) {
  std::vector<ExpectedTensor> all;
  all.push_back({"backbone.embeddings.weight", {config.vocab_size, config.d_model}, Init::normal});
  for (std::size_t i = 0; i < config.d_state.size(); ++i) {
    const auto layer = static_cast<std::int64_t>(i);
    const std::string block = "backbone.layers." + std::to_string(i) + ".";
    const std::string mixer = block + "mixer.";
    const std::int64_t channels = config.conv_channels(layer);
    all.push_back({block + "norm.weight", {config.d_model}, Init::ones});
    all.push_back(
        {mixer + "in_proj.weight", {config.in_proj_rows(layer), config.d_model}, Init::normal});
    all.push_back({mixer + "conv1d.weight", {channels, 1, config.d_conv}, Init::conv});
    if (config.use_conv_bias) all.push_back({mixer + "conv1d.bias", {channels}, Init::conv});
    if (config.family == Family::mamba1) {
      add_mamba1(config, i, mixer, all);
    } else {
      add_mamba2(config, mixer, all);
    }
    all.push_back({mixer + "out_proj.weight", {config.d_model, config.d_inner}, Init::normal});
    if (config.use_bias) {
      all.push_back({mixer + "in_proj.bias", {config.in_proj_rows(layer)}, Init::zeros});
      all.push_back({mixer + "out_proj.bias", {config.d_model}, Init::zeros});
    }
  }
  all.push_back({"backbone.norm_f.weight", {config.d_model}, Init::ones});
  if (!config.tie_embeddings) {
    all.push_back({"lm_head.weight", {config.vocab_size, config.d_model}, Init::normal});
  }
  return all;
}

}  // namespace ssmprof::workloads
