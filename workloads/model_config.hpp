#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace ssmprof::workloads {

enum class Family { mamba1, mamba2 };

/// Everything that shapes a Mamba language model, whichever layout its config.json had.
/// All sizes are positive; `validate()` throws reports::InputError naming the field otherwise.
struct ModelConfig {
  std::string name;  ///< preset or directory name
  Family family = Family::mamba1;
  std::int64_t d_model = 0, n_layer = 0, vocab_size = 0;
  std::int64_t d_inner = 0;
  std::int64_t d_conv = 4;
  std::vector<std::int64_t> d_state;  ///< per layer; pruned models differ between layers
  std::int64_t dt_rank = 0;           ///< Mamba-1
  std::int64_t head_dim = 0, n_heads = 0, n_groups = 1, chunk_size = 256;  ///< Mamba-2
  std::int64_t norm_group_size = 0;  ///< Mamba-2 gated norm; d_inner or d_inner / n_groups
  float dt_min = 0.0F, dt_max = std::numeric_limits<float>::infinity();  ///< time_step_limit
  float norm_eps = 1e-5F;
  bool use_bias = false, use_conv_bias = true;
  bool residual_in_fp32 = true;
  bool tie_embeddings = true;
  std::string origin;  ///< "transformers", "state-spaces" or "preset"

  /// Channels that the convolution sees: Mamba-1 d_inner, Mamba-2 d_inner + 2·n_groups·N.
  std::int64_t conv_channels(std::int64_t layer) const {
    return family == Family::mamba1 ? d_inner : d_inner + 2 * n_groups * d_state[layer];
  }
  /// Rows of in_proj: Mamba-1 2·d_inner, Mamba-2 2·d_inner + 2·n_groups·N + n_heads.
  std::int64_t in_proj_rows(std::int64_t layer) const {
    return family == Family::mamba1 ? 2 * d_inner
                                    : 2 * d_inner + 2 * n_groups * d_state[layer] + n_heads;
  }
  void validate() const;
};

}  // namespace ssmprof::workloads
