#include <functional>
#include <limits>

#include "workloads/presets.hpp"
#include "workloads/safetensors.hpp"
#include "workloads/tokens.hpp"

#include "files.hpp"
#include "tests/catch.hpp"

using namespace ssmprof::workloads;
using namespace ssmprof::workloads::testing;
using ssmprof::kernels::DType;

namespace {

/// What a user gets to see: one line of reasonable length that names what is at fault.
void check_message(const std::string& message, const std::vector<std::string>& parts) {
  INFO(message);
  CHECK_FALSE(message.empty());
  CHECK(message.find('\n') == std::string::npos);
  CHECK(message.size() < 500);
  for (const auto& part : parts) {
    INFO(part);
    CHECK(contains(message, part));
  }
}

struct ConfigCase {
  std::string text;
  std::string names;  ///< what the message must name
};

/// A small valid Mamba-2 configuration with one key replaced or added.
std::string mamba2_with(const std::string& key, const std::string& value) {
  nlohmann::json config = {{"model_type", "mamba2"}, {"hidden_size", 32}, {"num_heads", 4},
                           {"head_dim", 16},         {"n_groups", 2},     {"num_hidden_layers", 2}};
  config.erase(key);
  std::string text = config.dump();
  text.pop_back();
  return text + ",\"" + key + "\":" + value + "}";
}

std::string ssm_with(const std::string& pair) {
  return R"({"d_model": 32, "n_layer": 1, "ssm_cfg": {"layer": "Mamba2", "headdim": 16, )" + pair +
         "}}";
}

}  // namespace

TEST_CASE("bad configurations") {
  const std::vector<ConfigCase> cases = {
      {"", "not valid JSON"},
      {"{", "not valid JSON"},
      {"{\"model_type\": \"mamba\"", "not valid JSON"},
      {"[]", "JSON object"},
      {"3", "JSON object"},
      {"null", "JSON object"},
      {std::string("{\"model_type\"\0: 1}", 19), "not valid JSON"},
      {"{\"a\": 1e999}", "out of range"},
      {"{}", "model_type"},
      {R"({"hidden_size": 768})", "not a Mamba configuration"},
      {R"({"model_type": "llama"})", "\"llama\""},
      {R"({"model_type": "mam\nba"})", "mam\\nba"},
      {R"({"model_type": 3})", "model_type"},
      {R"({"architectures": []})", "architectures"},
      {R"({"architectures": ["JambaForCausalLM"]})", "JambaForCausalLM"},
      {mamba2_with("hidden_size", "0"), "hidden_size"},
      {mamba2_with("hidden_size", "-32"), "-32"},
      {mamba2_with("hidden_size", "32.5"), "32.5"},
      {mamba2_with("hidden_size", "\"32\""), "hidden_size"},
      {mamba2_with("hidden_size", "[32]"), "an array"},
      {mamba2_with("hidden_size", "true"), "hidden_size"},
      {mamba2_with("hidden_size", "99999999999"), "hidden_size"},
      {mamba2_with("hidden_size", "18446744073709551615"), "hidden_size"},
      {mamba2_with("hidden_size", "1e30"), "hidden_size"},
      {mamba2_with("hidden_size", "NaN"), "hidden_size"},
      {mamba2_with("num_hidden_layers", "0"), "num_hidden_layers"},
      {mamba2_with("num_hidden_layers", "1000000000"), "num_hidden_layers"},
      {mamba2_with("vocab_size", "0"), "vocab_size"},
      {mamba2_with("vocab_size", "4611686018427387904"), "vocab_size"},
      {mamba2_with("state_size", "0"), "state_size"},
      {mamba2_with("state_size", "257"), "256"},
      {mamba2_with("conv_kernel", "0"), "conv_kernel"},
      {mamba2_with("conv_kernel", "17"), "conv_kernel"},
      {mamba2_with("expand", "0"), "expand"},
      {mamba2_with("expand", "-2"), "expand"},
      {mamba2_with("expand", "1.3"), "expand"},
      {mamba2_with("expand", "1e18"), "expand"},
      {mamba2_with("expand", "3"), "num_heads"},
      {mamba2_with("num_heads", "5"), "num_heads"},
      {mamba2_with("head_dim", "7"), "head_dim"},
      {mamba2_with("n_groups", "3"), "n_groups"},
      {mamba2_with("n_groups", "0"), "n_groups"},
      {mamba2_with("chunk_size", "0"), "chunk_size"},
      {mamba2_with("intermediate_size", "100"), "intermediate_size"},
      {mamba2_with("hidden_act", "\"gelu\""), "\"gelu\""},
      {mamba2_with("hidden_act", "1"), "hidden_act"},
      {mamba2_with("use_bias", "1"), "use_bias"},
      {mamba2_with("tie_word_embeddings", "\"yes\""), "tie_word_embeddings"},
      {mamba2_with("residual_in_fp32", "0"), "residual_in_fp32"},
      {mamba2_with("layer_norm_epsilon", "\"small\""), "layer_norm_epsilon"},
      {mamba2_with("layer_norm_epsilon", "-1"), "epsilon"},
      {mamba2_with("time_step_limit", "[0]"), "time_step_limit"},
      {mamba2_with("time_step_limit", "[1, 0.5]"), "time_step_limit"},
      {mamba2_with("time_step_limit", "[-1, 1]"), "time_step_limit"},
      {mamba2_with("time_step_limit", "[0, NaN]"), "time_step_limit"},
      {mamba2_with("time_step_limit", "[Infinity, Infinity]"), "time_step_limit"},
      {mamba2_with("time_step_limit", "[0, \"inf\"]"), "time_step_limit"},
      {mamba2_with("time_step_limit", "[0, Infinit]"), "not valid JSON"},
      {mamba2_with("ssmprof_d_state", "[3]"), "ssmprof_d_state"},
      {mamba2_with("ssmprof_d_state", "[3, 0]"), "entry 1"},
      {mamba2_with("ssmprof_d_state", "5"), "ssmprof_d_state"},
      {mamba2_with("ssmprof_norm_group_size", "5"), "norm_group_size"},
      {mamba2_with("quantization_config", "{}"), "quantization_config"},
      {R"({"model_type": "mamba", "time_step_rank": 0})", "time_step_rank"},
      {R"({"model_type": "mamba", "time_step_rank": "big"})", "time_step_rank"},
      {R"({"model_type": "mamba", "intermediate_size": 1.5})", "intermediate_size"},
      {R"({"d_model": 32})", "n_layer"},
      {R"({"d_model": 32, "n_layer": 1, "ssm_cfg": []})", "ssm_cfg"},
      {R"({"d_model": 32, "n_layer": 1, "pad_vocab_size_multiple": 0})", "pad_vocab_size_multiple"},
      {R"({"d_model": 32, "n_layer": 1, "rms_norm": false})", "rms_norm"},
      {R"({"d_model": 32, "n_layer": 1, "attn_layer_idx": [3]})", "attn_layer_idx"},
      {R"({"d_model": 32, "n_layer": 1, "d_intermediate": 64})", "d_intermediate"},
      {R"({"d_model": 32, "n_layer": 1, "ssm_cfg": {"layer": "Mamba3"}})", "Mamba3"},
      {ssm_with(R"("rank": 3)"), "rank"},
      {ssm_with(R"("d_state": 0)"), "ssm_cfg.d_state"},
      {ssm_with(R"("norm_before_gate": true)"), "norm_before_gate"},
      {ssm_with(R"("D_has_hdim": true)"), "D_has_hdim"},
      {ssm_with(R"("ngroups": 3)"), "n_groups"},
      {R"({"d_model": 32, "n_layer": 1, "ssm_cfg": {"layer": "Mamba2", "headdim": 48}})",
       "headdim"},
  };
  for (const auto& item : cases) {
    INFO(item.text);
    const std::string message = error_of([&] { parse_config_text(item.text, "some/config.json"); });
    check_message(message, {"some/config.json", item.names});
  }
  CHECK(cases.size() >= 75);
}

TEST_CASE("deeply nested JSON is refused, not followed") {
  const TemporaryFolder folder;
  const std::string deep(200000, '[');
  CHECK_FALSE(error_of([&] { parse_config_text("{\"a\":" + deep, "c"); }).empty());
  write_file(folder / "t.json", deep);
  check_message(error_of([&] { load_tokens(folder / "t.json", 9); }), {"t.json"});
  write_file(folder / "t.safetensors", safetensors_bytes("{\"a\":" + deep, 0));
  check_message(error_of([&] { SafetensorsFile file(folder / "t.safetensors"); }),
                {"t.safetensors"});
}

TEST_CASE("bad safetensors headers") {
  struct Case {
    std::string header;
    std::size_t data;
    std::string names;
  };
  const auto one = [](const std::string& entry) { return "{\"a\":" + entry + "}"; };
  const std::vector<Case> cases = {
      {"", 0, "not valid JSON"},
      {"{", 0, "not valid JSON"},
      {"[]", 0, "not a JSON object"},
      {"{}}", 0, "not valid JSON"},
      {std::string("{\"a\0\":1}", 8), 0, "not valid JSON"},
      {"{\"\xff\xfe\": {}}", 0, "not valid JSON"},
      {one("3"), 0, "\"a\" is not described"},
      {one("{}"), 0, "no dtype"},
      {one(R"({"dtype":3,"shape":[1],"data_offsets":[0,4]})"), 4, "dtype"},
      {one(R"({"dtype":"F33","shape":[1],"data_offsets":[0,4]})"), 4, "\"F33\""},
      {one(R"({"dtype":"F32","data_offsets":[0,4]})"), 4, "no shape"},
      {one(R"({"dtype":"F32","shape":1,"data_offsets":[0,4]})"), 4, "shape"},
      {one(R"({"dtype":"F32","shape":[1.5],"data_offsets":[0,4]})"), 4, "shape"},
      {one(R"({"dtype":"F32","shape":[-1],"data_offsets":[0,4]})"), 4, "shape"},
      {one(R"({"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,4]})"), 4,
       "overflows"},
      {one(R"({"dtype":"F32","shape":[18446744073709551615],"data_offsets":[0,4]})"), 4,
       "overflows"},
      {one(R"({"dtype":"F32","shape":[99999999999999999999],"data_offsets":[0,4]})"), 4, "shape"},
      {one(R"({"dtype":"F32","shape":[1]})"), 4, "no data_offsets"},
      {one(R"({"dtype":"F32","shape":[1],"data_offsets":[0]})"), 4, "data_offsets"},
      {one(R"({"dtype":"F32","shape":[1],"data_offsets":[0,4,8]})"), 4, "data_offsets"},
      {one(R"({"dtype":"F32","shape":[1],"data_offsets":[-4,0]})"), 4, "data_offsets"},
      {one(R"({"dtype":"F32","shape":[1],"data_offsets":[4,0]})"), 4, "wrong order"},
      {one(R"({"dtype":"F32","shape":[1],"data_offsets":[0,4]})"), 3, "truncated"},
      {one(R"({"dtype":"F32","shape":[1],"data_offsets":[18446744073709551612,0]})"), 4,
       "wrong order"},
      {one(R"({"dtype":"F32","shape":[1],"data_offsets":[0,18446744073709551615]})"), 4,
       "truncated"},
      {one(R"({"dtype":"F32","shape":[2],"data_offsets":[0,4]})"), 4, "needs 8"},
      {one(R"({"dtype":"F32","shape":[1],"data_offsets":[0,4]})"), 9, "belong to no tensor"},
      {one(R"({"dtype":"F32","shape":[1],"data_offsets":[4,8]})"), 8, "belong to no tensor"},
      {one(R"({"dtype":"F32","shape":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1],"data_offsets":[0,4]})"),
       4, "dimensions"},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},
           "b":{"dtype":"F32","shape":[1],"data_offsets":[2,6]}})",
       6, "misaligned"},
      {R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},
           "b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})",
       8, "overlaps"},
      {R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},
           "b":{"dtype":"F16","shape":[1],"data_offsets":[1,3]}})",
       3, "misaligned"},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},
           "a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})",
       4, "twice"},
      {R"({"__metadata__":3})", 0, "__metadata__"},
      {R"({"__metadata__":{"a":3}})", 0, "__metadata__"},
  };
  const TemporaryFolder folder;
  for (const auto& item : cases) {
    INFO(item.header);
    write_file(folder / "bad.safetensors", safetensors_bytes(item.header, item.data));
    check_message(error_of([&] { read_safetensors(folder / "bad.safetensors"); }),
                  {"bad.safetensors", item.names});
  }
  const auto raw = [&](const std::string& bytes) {
    write_file(folder / "bad.safetensors", bytes);
    return error_of([&] { read_safetensors(folder / "bad.safetensors"); });
  };
  check_message(raw(""), {"bad.safetensors", "too short"});
  check_message(raw("1234567"), {"too short"});
  check_message(raw(std::string("\xff\xff\xff\xff\xff\xff\xff\xff{}", 10)), {"100 MB"});
  check_message(raw(std::string("\xf8\xff\xff\xff\xff\xff\xff\xff{}", 10)), {"100 MB"});
  check_message(raw(std::string("\x03\0\0\0\0\0\0\0{}", 10)), {"truncated"});
  check_message(error_of([&] { read_safetensors(folder / "none"); }), {"none", "No such file"});
  check_message(error_of([&] { read_safetensors(folder.path()); }), {"folder"});
}

TEST_CASE("bad shard indices") {
  const TemporaryFolder folder;
  std::map<std::string, HostTensor> tensors;
  tensors["a"] = from_floats({1}, {1}, DType::f32);
  write_safetensors(folder / "s1.safetensors", tensors);
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "not valid JSON"},
      {"[]", "weight_map"},
      {"{}", "weight_map"},
      {R"({"weight_map": []})", "weight_map"},
      {R"({"weight_map": {"a": 3}})", "\"a\""},
      {R"({"weight_map": {"a": "../s1.safetensors"}})", "plain file names"},
      {R"({"weight_map": {"a": "/etc/passwd"}})", "plain file names"},
      {R"({"weight_map": {"a": "sub/s1.safetensors"}})", "plain file names"},
      {R"({"weight_map": {"a": ".."}})", "plain file names"},
      {R"({"weight_map": {"a": ""}})", "plain file names"},
      {R"({"weight_map": {"a": "s1.safetensors\u0000"}})", "plain file names"},
      {R"({"weight_map": {"a": "s2.safetensors"}})", "missing"},
      {R"({"weight_map": {"a": "s1.safetensors", "b": "s1.safetensors"}})", "does not hold it"},
      {R"({"weight_map": {"a": "s1.safetensors", "a": "s1.safetensors"}})", "listed twice"},
  };
  for (const auto& [index, names] : cases) {
    INFO(index);
    write_file(folder / "model.safetensors.index.json", index);
    check_message(error_of([&] { read_safetensors_directory(folder.path()); }),
                  {"model.safetensors.index.json", names});
  }
  tensors["extra"] = from_floats({1}, {1}, DType::f32);
  write_safetensors(folder / "s1.safetensors", tensors);
  write_file(folder / "model.safetensors.index.json", R"({"weight_map": {"a": "s1.safetensors"}})");
  check_message(error_of([&] { read_safetensors_directory(folder.path()); }),
                {"s1.safetensors", "\"extra\""});
}

TEST_CASE("checkpoints whose parts contradict each other") {
  const Checkpoint good = seeded_checkpoint(small_config(Family::mamba1), 1, DType::f32);
  const std::string in_proj = "backbone.layers.0.mixer.in_proj.weight";
  using Change = std::function<void(std::map<std::string, HostTensor>&)>;
  const std::vector<std::pair<Change, std::vector<std::string>>> cases = {
      {[&](auto& t) { t.erase(in_proj); }, {in_proj, "[32, 8]", "missing"}},
      {[&](auto& t) {
         t[in_proj].shape = {8, 32};
       },
       {in_proj, "[8, 32]", "[32, 8]"}},
      {[&](auto& t) { t[in_proj].shape = {256}; }, {in_proj, "[256]"}},
      {[&](auto& t) { t["backbone.layers.2.norm.weight"] = t["backbone.norm_f.weight"]; },
       {"backbone.layers.2.norm.weight", "no part"}},
      {[&](auto& t) { t["new\nline"] = t["backbone.norm_f.weight"]; }, {"new\\nline"}},
      {[&](auto& t) {
         t["lm_head.weight"] = from_floats(std::vector<float>(88, 1), {11, 8}, DType::f32);
       },
       {"lm_head.weight", "tie_word_embeddings"}},
      {[&](auto& t) { t["lm_head.weight"] = t["backbone.norm_f.weight"]; }, {"lm_head.weight"}},
      {[&](auto& t) { t["backbone.embedding.weight"] = t["backbone.embeddings.weight"]; },
       {"backbone.embedding.weight"}},
  };
  for (const auto& [change, names] : cases) {
    const TemporaryFolder folder;
    save_checkpoint(good, folder.path());
    auto tensors = good.tensors;
    change(tensors);
    write_safetensors(folder / "model.safetensors", tensors);
    auto parts = names;
    parts.push_back(folder.path().string());
    check_message(error_of([&] { load_checkpoint(folder.path()); }), parts);
  }
  const TemporaryFolder folder;
  save_checkpoint(good, folder.path());
  ModelConfig wider = good.config;
  wider.vocab_size = 12;
  write_file(folder / "config.json", to_hf_json(wider).dump());
  check_message(error_of([&] { load_checkpoint(folder.path()); }),
                {"backbone.embeddings.weight", "[11, 8]", "[12, 8]"});
  // A whole number where floats belong.
  const std::string bytes = read_file(folder / "model.safetensors");
  std::string wrong = bytes;
  const std::size_t at = wrong.find("\"F32\"");
  wrong.replace(at, 5, "\"I32\"");
  write_file(folder / "model.safetensors", wrong);
  check_message(error_of([&] { load_checkpoint(folder.path()); }), {"I32", "F32, F16 and BF16"});
  write_file(folder / "model.safetensors", bytes.substr(0, bytes.size() - 1));
  check_message(error_of([&] { load_checkpoint(folder.path()); }), {"truncated"});
  write_file(folder / "model.safetensors", bytes + "x");
  check_message(error_of([&] { load_checkpoint(folder.path()); }), {"belong to no tensor"});
  std::filesystem::remove(folder / "model.safetensors");
  check_message(error_of([&] { load_checkpoint(folder.path()); }), {"neither model.safetensors"});
  write_file(folder / "pytorch_model.bin", "pickle");
  check_message(error_of([&] { load_checkpoint(folder.path()); }), {"convert_checkpoint"});
  std::filesystem::remove(folder / "config.json");
  check_message(error_of([&] { load_checkpoint(folder.path()); }), {"config.json", "no such file"});
  check_message(error_of([&] { load_checkpoint(folder / "none"); }), {"none"});
}

TEST_CASE("unknown models") {
  check_message(error_of([] { open_model("mamba2-130", 0, DType::f32); }),
                {"mamba2-130", "did you mean mamba2-130m?", "mamba-tiny"});
  check_message(error_of([] { open_model("", 0, DType::f32); }), {"unknown model"});
  check_message(error_of([] { open_model("qwerty\n", 0, DType::f32); }), {"qwerty\\n"});
  const TemporaryFolder folder;
  write_file(folder / "file", "x");
  check_message(error_of([&] { open_model((folder / "file").string(), 0, DType::f32); }),
                {"is a file"});
}

TEST_CASE("bad token files") {
  const TemporaryFolder folder;
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "empty"},
      {"[", "not valid JSON"},
      {"{}", "[[id"},
      {"3", "[[id"},
      {"[]", "no tokens"},
      {"[[]]", "no tokens"},
      {"[1, 2]", "row 0"},
      {"[[1], 2]", "row 1"},
      {"[[1, 2], [3]]", "row 1 has 1 tokens"},
      {"[[1, 2.5]]", "row 0, column 1"},
      {"[[1, \"2\"]]", "column 1"},
      {"[[1, null]]", "column 1"},
      {"[[1, [2]]]", "column 1"},
      {"[[1, -1]]", "-1 at row 0, column 1"},
      {"[[1], [10]]", "10 at row 1, column 0"},
      {"[[18446744073709551615]]", "column 0"},
      {"[[1e300]]", "column 0"},
      {"[[1e999]]", "out of range"},
  };
  for (const auto& [text, names] : cases) {
    INFO(text);
    write_file(folder / "t.json", text);
    check_message(error_of([&] { load_tokens(folder / "t.json", 10); }), {"t.json", names});
  }
  write_file(folder / "t.txt", "text");
  check_message(error_of([&] { load_tokens(folder / "t.txt", 255); }), {"t.txt", "256"});
  check_message(error_of([&] { load_tokens(folder / "none.txt", 256); }), {"none.txt"});
  check_message(error_of([&] { load_tokens(folder.path(), 256); }), {"folder"});
}

TEST_CASE("what cannot be written") {
  const Checkpoint good = seeded_checkpoint(small_config(Family::mamba1), 1, DType::f32);
  const TemporaryFolder folder;
  write_file(folder / "file", "x");
  check_message(error_of([&] { save_checkpoint(good, folder / "file"); }), {"file"});
  check_message(error_of([&] { save_checkpoint(good, folder / "file/deeper"); }), {"file/deeper"});
  check_message(error_of([&] { write_safetensors(folder / "none/t", good.tensors); }), {"none/t"});
  std::filesystem::create_directory(folder / "taken");
  check_message(error_of([&] { write_safetensors(folder / "taken", good.tensors); }), {"taken"});
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path()), {}) == 2);
}

TEST_CASE("a model larger than the memory is refused before it is made") {
  ModelConfig config = small_config(Family::mamba1);
  config.name = "huge";
  config.d_model = 1 << 17;
  config.vocab_size = 1 << 24;  // 8 TiB in fp32
  std::string message;
  try {
    seeded_checkpoint(config, 1, DType::f32);
  } catch (const ssmprof::reports::EnvironmentError& problem) {
    message = problem.what();
  }
  check_message(message, {"not enough memory", "huge", "8.0 TiB"});
}
