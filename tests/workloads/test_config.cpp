#include <cmath>
#include <limits>

#include "workloads/config_json.hpp"
#include "workloads/presets.hpp"

#include "files.hpp"
#include "tests/catch.hpp"

using namespace ssmprof::workloads;
using namespace ssmprof::workloads::testing;
using nlohmann::json;

namespace {

ModelConfig parse(const std::string& text) {
  return parse_config_text(text, "config.json");
}

}  // namespace

TEST_CASE("absent keys take the defaults of transformers") {
  const ModelConfig one = parse(R"({"model_type": "mamba"})");
  CHECK(one.family == Family::mamba1);
  CHECK(one.d_model == 768);
  CHECK(one.n_layer == 32);
  CHECK(one.vocab_size == 50280);
  CHECK(one.d_inner == 1536);
  CHECK(one.dt_rank == 48);
  CHECK(one.d_state == std::vector<std::int64_t>(32, 16));
  CHECK(one.d_conv == 4);
  CHECK(one.norm_eps == 1e-5F);
  CHECK(one.tie_embeddings);
  CHECK(one.residual_in_fp32);
  CHECK(one.use_conv_bias);
  CHECK_FALSE(one.use_bias);
  CHECK(one.origin == "transformers");

  const ModelConfig two = parse(R"({"architectures": ["Mamba2ForCausalLM"]})");
  CHECK(two.family == Family::mamba2);
  CHECK(two.d_model == 4096);
  CHECK(two.n_layer == 64);
  CHECK(two.vocab_size == 32768);
  CHECK(two.n_heads == 128);
  CHECK(two.head_dim == 64);
  CHECK(two.n_groups == 8);
  CHECK(two.chunk_size == 256);
  CHECK(two.d_state == std::vector<std::int64_t>(64, 128));
  CHECK_FALSE(two.tie_embeddings);
  CHECK(two.norm_group_size == 8192);  // transformers ignores groups in the gated norm
  CHECK(two.dt_min == 0);
  CHECK(std::isinf(two.dt_max));
}

TEST_CASE("intermediate_size overrides expand and dt_rank rounds up") {
  const ModelConfig config = parse(
      R"({"model_type": "mamba", "hidden_size": 40, "expand": 2, "intermediate_size": 100,
          "num_hidden_layers": 1, "time_step_rank": "auto"})");
  CHECK(config.d_inner == 100);
  CHECK(config.dt_rank == 3);
  CHECK(parse(R"({"model_type": "mamba", "hidden_size": 40, "expand": 3})").d_inner == 120);
  CHECK(parse(R"({"model_type": "mamba", "hidden_size": 40, "time_step_rank": 7})").dt_rank == 7);
}

TEST_CASE("infinite time step limits load in every form they are written in") {
  const std::string head =
      R"({"model_type": "mamba2", "hidden_size": 32, "num_heads": 4, "head_dim": 16, "n_groups": 1,
          "note": "Infinity stays \" Infinity in NaN strings", )";
  for (const std::string limit :
       {R"([0.0, {"__float__": "Infinity"}])", "[0.0, Infinity]", "[0.0,Infinity]", "[0, 1e400]"}) {
    INFO(limit);
    if (limit == "[0, 1e400]") {
      CHECK(contains(error_of([&] { parse(head + "\"time_step_limit\": " + limit + "}"); }),
                     "out of range"));
      continue;
    }
    const ModelConfig config = parse(head + "\"time_step_limit\": " + limit + "}");
    CHECK(config.dt_min == 0);
    CHECK(config.dt_max == std::numeric_limits<float>::infinity());
  }
  const ModelConfig finite = parse(head + "\"time_step_limit\": [0.001, 0.5]}");
  CHECK(finite.dt_min == 0.001F);
  CHECK(finite.dt_max == 0.5F);
}

TEST_CASE("the state-spaces layout: padding, defaults and group norm") {
  const ModelConfig two = parse(
      R"({"d_model": 768, "d_intermediate": 0, "n_layer": 24, "vocab_size": 50277,
          "ssm_cfg": {"layer": "Mamba2"}, "attn_layer_idx": [], "attn_cfg": {}, "rms_norm": true,
          "residual_in_fp32": true, "fused_add_norm": true, "pad_vocab_size_multiple": 16,
          "tie_embeddings": true})");
  CHECK(two.origin == "state-spaces");
  CHECK(two.family == Family::mamba2);
  CHECK(two.vocab_size == 50288);
  CHECK(two.d_inner == 1536);
  CHECK(two.n_heads == 24);
  CHECK(two.head_dim == 64);
  CHECK(two.n_groups == 1);
  CHECK(two.d_state == std::vector<std::int64_t>(24, 128));
  CHECK(two.norm_group_size == 1536);

  const ModelConfig grouped = parse(
      R"({"d_model": 64, "n_layer": 1, "vocab_size": 100,
          "ssm_cfg": {"layer": "Mamba2", "ngroups": 2, "headdim": 16, "d_state": 37}})");
  CHECK(grouped.norm_group_size == 64);
  CHECK(grouped.d_state == std::vector<std::int64_t>{37});
  CHECK(grouped.vocab_size == 104);

  const ModelConfig one = parse(R"({"d_model": 768, "n_layer": 24, "vocab_size": 50277,
      "ssm_cfg": {}, "rms_norm": true, "pad_vocab_size_multiple": 8})");
  CHECK(one.family == Family::mamba1);
  CHECK(one.vocab_size == 50280);
  CHECK(one.dt_rank == 48);
  CHECK(one.d_state == std::vector<std::int64_t>(24, 16));
}

TEST_CASE("a configuration survives being written and read") {
  for (const auto& name : preset_names()) {
    INFO(name);
    const ModelConfig config = preset(name);
    const ModelConfig again = parse_config(to_hf_json(config), "again");
    CHECK((to_hf_json(again) == to_hf_json(config)));
    CHECK(config_hash(again) == config_hash(config));
    CHECK(again.norm_eps == config.norm_eps);
  }
  ModelConfig odd = small_config(Family::mamba2);
  odd.d_state = {5, 3};
  odd.norm_group_size = 8;
  odd.dt_min = 0.25F;
  odd.dt_max = 3.0F;
  odd.use_bias = true;
  odd.residual_in_fp32 = false;
  const ModelConfig again = parse_config_text(to_hf_json(odd).dump(), "again");
  CHECK(again.d_state == odd.d_state);
  CHECK(again.norm_group_size == 8);
  CHECK(again.dt_min == 0.25F);
  CHECK(again.dt_max == 3.0F);
  CHECK(again.use_bias);
  CHECK_FALSE(again.residual_in_fp32);
  CHECK(config_hash(again) == config_hash(odd));
  odd.d_state = {5, 4};
  CHECK(config_hash(again) != config_hash(odd));
}

TEST_CASE("presets are the published shapes") {
  CHECK(preset_names().size() == 12);
  struct Shape {
    const char* name;
    std::int64_t width, layers, vocabulary, heads;
  };
  const Shape shapes[] = {
      {"mamba-130m", 768, 24, 50280, 0},    {"mamba-370m", 1024, 48, 50280, 0},
      {"mamba-790m", 1536, 48, 50280, 0},   {"mamba-1.4b", 2048, 48, 50280, 0},
      {"mamba-2.8b", 2560, 64, 50280, 0},   {"mamba2-130m", 768, 24, 50288, 24},
      {"mamba2-370m", 1024, 48, 50288, 32}, {"mamba2-780m", 1536, 48, 50288, 48},
      {"mamba2-1.3b", 2048, 48, 50288, 64}, {"mamba2-2.7b", 2560, 64, 50288, 80}};
  for (const Shape& shape : shapes) {
    INFO(shape.name);
    const ModelConfig config = preset(shape.name);
    CHECK(config.name == shape.name);
    CHECK(config.origin == "preset");
    CHECK(config.d_model == shape.width);
    CHECK(config.n_layer == shape.layers);
    CHECK(config.vocab_size == shape.vocabulary);
    CHECK(config.d_inner == 2 * shape.width);
    CHECK(config.tie_embeddings);
    if (config.family == Family::mamba2) {
      CHECK(config.n_heads == shape.heads);
      CHECK(config.n_groups == 1);
      CHECK(config.d_state[0] == 128);
    } else {
      CHECK(config.dt_rank == (shape.width + 15) / 16);
      CHECK(config.d_state[0] == 16);
    }
  }
  CHECK(preset("mamba2-tiny").n_heads >= 8);
  CHECK(preset("mamba2-tiny").vocab_size == 256);
  CHECK(preset("mamba-tiny").vocab_size == 256);
  CHECK(contains(error_of([&] { preset("mamba2-130"); }), "did you mean mamba2-130m?"));
}
