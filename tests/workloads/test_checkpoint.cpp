#include <algorithm>
#include <cmath>

#include "workloads/exact_math.hpp"
#include "workloads/hash.hpp"
#include "workloads/presets.hpp"
#include "workloads/safetensors.hpp"

#include "files.hpp"
#include "tests/catch.hpp"

using namespace ssmprof::workloads;
using namespace ssmprof::workloads::testing;
using ssmprof::kernels::DType;

namespace {

struct Moments {
  double mean = 0, deviation = 0, kurtosis = 0, largest = 0;
};

Moments moments(const std::vector<float>& values) {
  Moments m;
  for (const double v : values) m.mean += v;
  m.mean /= static_cast<double>(values.size());
  double second = 0, fourth = 0;
  for (const double v : values) {
    const double d = v - m.mean;
    second += d * d;
    fourth += d * d * d * d;
    m.largest = std::max(m.largest, std::abs(d));
  }
  second /= static_cast<double>(values.size());
  fourth /= static_cast<double>(values.size());
  m.deviation = std::sqrt(second);
  m.kurtosis = fourth / (second * second);
  return m;
}

}  // namespace

TEST_CASE("the logarithm and exponential of seeded weights are those of mathematics") {
  for (double x = 1e-4; x < 300; x *= 1.01) {
    CHECK(exact_log(x) == Approx(std::log(x)).epsilon(1e-14).margin(1e-15));
  }
  for (double x = -12; x < 12; x += 0.01) {
    CHECK(exact_exp(x) == Approx(std::exp(x)).epsilon(1e-14));
  }
}

TEST_CASE("seeded weights follow the initialization of their family") {
  const Checkpoint two = seeded_checkpoint(preset("mamba2-130m"), 3, DType::f32);
  const Moments embedding = moments(to_floats(two.tensors.at("backbone.embeddings.weight")));
  CHECK(embedding.mean == Approx(0).margin(2e-5));
  CHECK(embedding.deviation == Approx(0.02).epsilon(1e-3));
  CHECK(embedding.kurtosis == Approx(3).epsilon(0.01));
  CHECK(embedding.largest > 0.08);
  const std::string mixer = "backbone.layers.7.mixer.";
  CHECK(moments(to_floats(two.tensors.at(mixer + "out_proj.weight"))).deviation ==
        Approx(0.02).epsilon(5e-3));
  for (const float v : to_floats(two.tensors.at(mixer + "A_log"))) {
    CHECK(v >= 0);
    CHECK(v <= std::log(16.F));
  }
  for (const float v : to_floats(two.tensors.at(mixer + "dt_bias"))) {
    const double step = std::log1p(std::exp(static_cast<double>(v)));
    CHECK(step >= 0.000999);
    CHECK(step <= 0.1001);
  }
  for (const float v : to_floats(two.tensors.at(mixer + "D"))) CHECK(v == 1);
  const Moments conv = moments(to_floats(two.tensors.at(mixer + "conv1d.weight")));
  CHECK(conv.largest <= 0.51);
  CHECK(conv.deviation == Approx(0.5 / std::sqrt(3.0)).epsilon(0.03));

  const Checkpoint one = seeded_checkpoint(small_config(Family::mamba1), 3, DType::f32);
  const auto a_log = to_floats(one.tensors.at("backbone.layers.1.mixer.A_log"));
  for (std::size_t i = 0; i < a_log.size(); ++i) {
    CHECK(a_log[i] == static_cast<float>(std::log(static_cast<double>(i % 5 + 1))));
  }
}

TEST_CASE("the same seed gives the same weights on every machine") {
  // The numbers themselves are pinned: a change of the generator must raise its version.
  const Checkpoint one = seeded_checkpoint(small_config(Family::mamba1), 1, DType::f32);
  const Checkpoint two = seeded_checkpoint(small_config(Family::mamba2), 1, DType::f32);
  const auto hash_of = [](const Checkpoint& checkpoint) {
    std::uint64_t hash = 0;
    for (const auto& [name, tensor] : checkpoint.tensors) {
      hash = hash_bytes(tensor.data, tensor.bytes(), hash ^ hash_text(name));
    }
    return hex(hash);
  };
  CHECK(hash_of(one) == "f8d511cf92a057ec");
  CHECK(hash_of(two) == "8a3b9c1522beea38");
  CHECK(hash_of(one) == hash_of(seeded_checkpoint(small_config(Family::mamba1), 1, DType::f32)));
  const Checkpoint other = seeded_checkpoint(small_config(Family::mamba1), 2, DType::f32);
  CHECK(hash_of(one) != hash_of(other));
  CHECK(one.weights_hash != other.weights_hash);
  CHECK(one.weights_hash.rfind("seeded:", 0) == 0);
}

TEST_CASE("a narrow seeded model is the wide one, rounded") {
  const Checkpoint wide = seeded_checkpoint(small_config(Family::mamba2), 5, DType::f32);
  const Checkpoint narrow = seeded_checkpoint(small_config(Family::mamba2), 5, DType::bf16);
  CHECK(wide.weights_hash != narrow.weights_hash);
  for (const auto& [name, tensor] : wide.tensors) {
    INFO(name);
    const HostTensor rounded = from_floats(to_floats(tensor), tensor.shape, DType::bf16);
    CHECK(to_floats(narrow.tensors.at(name)) == to_floats(rounded));
  }
}

TEST_CASE("a checkpoint survives being saved and loaded") {
  for (const Family family : {Family::mamba1, Family::mamba2}) {
    for (const bool tied : {true, false}) {
      ModelConfig config = small_config(family);
      config.tie_embeddings = tied;
      config.use_bias = !tied;
      config.d_state = {5, 3};
      const TemporaryFolder folder;
      Checkpoint saved = seeded_checkpoint(config, 9, DType::f16);
      save_checkpoint(saved, folder / "deep/model");
      const Checkpoint loaded = load_checkpoint(folder / "deep/model");
      CHECK(loaded.config.name == "model");
      CHECK(loaded.config.d_state == config.d_state);
      CHECK(loaded.tensors.size() == saved.tensors.size());
      CHECK(loaded.config_hash == saved.config_hash);
      rehash(saved);
      CHECK(loaded.weights_hash == saved.weights_hash);
      CHECK(loaded.tensors.contains("lm_head.weight") == !tied);
    }
  }
}

TEST_CASE("the state-spaces layout loads under the Hugging Face names") {
  ModelConfig config = small_config(Family::mamba2);
  config.norm_group_size = 8;
  config.vocab_size = 16;
  const Checkpoint seeded = seeded_checkpoint(config, 4, DType::f32);
  auto tensors = seeded.tensors;
  tensors["backbone.embedding.weight"] = tensors.at("backbone.embeddings.weight");
  tensors["lm_head.weight"] = tensors.at("backbone.embeddings.weight");
  tensors.erase("backbone.embeddings.weight");
  const TemporaryFolder folder;
  write_safetensors(folder / "model.safetensors", tensors);
  write_file(folder / "config.json",
             R"({"d_model": 8, "n_layer": 2, "vocab_size": 11, "pad_vocab_size_multiple": 8,
                 "ssm_cfg": {"layer": "Mamba2", "d_state": 5, "headdim": 4, "ngroups": 2,
                             "chunk_size": 8}, "rms_norm": true, "tie_embeddings": true})");
  const Checkpoint loaded = load_checkpoint(folder.path());
  CHECK(loaded.config.origin == "state-spaces");
  CHECK(loaded.config.norm_group_size == 8);
  CHECK(loaded.tensors.size() == seeded.tensors.size());
  CHECK(to_floats(loaded.tensors.at("backbone.embeddings.weight")) ==
        to_floats(seeded.tensors.at("backbone.embeddings.weight")));
  CHECK_FALSE(loaded.tensors.contains("lm_head.weight"));
}

TEST_CASE("one changed bit changes the hash of the weights") {
  const TemporaryFolder folder;
  save_checkpoint(seeded_checkpoint(small_config(Family::mamba1), 1, DType::f32), folder.path());
  const std::string before = load_checkpoint(folder.path()).weights_hash;
  std::string bytes = read_file(folder / "model.safetensors");
  for (const std::size_t back : {1UL, 5UL, 777UL, 2001UL}) {
    std::string changed = bytes;
    changed[changed.size() - back] = static_cast<char>(changed[changed.size() - back] ^ 1);
    write_file(folder / "model.safetensors", changed);
    CHECK(load_checkpoint(folder.path()).weights_hash != before);
  }
}

TEST_CASE("open_model takes a directory or a preset") {
  const TemporaryFolder folder;
  save_checkpoint(seeded_checkpoint(small_config(Family::mamba1), 1, DType::f32), folder / "mine");
  CHECK(open_model((folder / "mine").string(), 0, DType::f32).config.name == "mine");
  CHECK(open_model((folder / "mine/").string(), 0, DType::f32).config.name == "mine");
  CHECK(open_model("mamba2-tiny", 0, DType::bf16).tensors.begin()->second.dtype == DType::bf16);
}
