#include <algorithm>
#include <cmath>
#include <limits>

#include "workloads/presets.hpp"
#include "workloads/pruning/prune.hpp"

#include "files.hpp"
#include "tests/catch.hpp"

using namespace ssmprof::workloads;
using namespace ssmprof::workloads::testing;
using ssmprof::kernels::DType;

namespace {

std::unique_ptr<Score> score(const std::string& name) {
  for (auto& candidate : make_scores()) {
    if (candidate->name() == name) return std::move(candidate);
  }
  throw std::runtime_error("no score " + name);
}

/// Scores that grow with the index.
StateScores ascending(const ModelConfig& config) {
  StateScores scores;
  const std::int64_t groups = config.family == Family::mamba2 ? config.n_groups : 1;
  for (const std::int64_t states : config.d_state) {
    auto& row = scores.emplace_back();
    for (std::int64_t i = 0; i < groups * states; ++i) row.push_back(static_cast<double>(i));
  }
  return scores;
}

/// Row `row` of a tensor's first dimension.
std::vector<float> row_of(const HostTensor& tensor, std::int64_t row) {
  const auto all = to_floats(tensor);
  const auto width = static_cast<std::ptrdiff_t>(all.size()) / tensor.shape[0];
  return {all.begin() + row * width, all.begin() + (row + 1) * width};
}

void check_complete(const Checkpoint& checkpoint) {
  const auto expected = expected_tensors(checkpoint.config);
  REQUIRE(expected.size() == checkpoint.tensors.size());
  for (const auto& item : expected) {
    INFO(item.name);
    CHECK(checkpoint.tensors.at(item.name).shape == item.shape);
  }
}

}  // namespace

TEST_CASE("the scores that exist") {
  std::vector<std::string> names;
  for (const auto& candidate : make_scores()) {
    names.emplace_back(candidate->name());
    CHECK_FALSE(candidate->summary().empty());
  }
  for (const char* name : {"delta", "magnitude", "random"}) {
    CHECK(std::count(names.begin(), names.end(), name) == 1);
  }
  CHECK(score("delta")->needs_calibration());
  CHECK_FALSE(score("magnitude")->needs_calibration());
}

TEST_CASE("how many states stay") {
  ModelConfig config = small_config(Family::mamba1);
  const auto kept = [&](std::int64_t states, double ratio, int align) {
    config.d_state = {states, states};
    return choose_states(ascending(config), config, ratio, align).layers[1];
  };
  CHECK(kept(128, 0, 1).effective == 128);
  CHECK(kept(128, 0.1, 1).effective == 115);
  CHECK(kept(128, 0.3, 1).effective == 89);
  CHECK(kept(128, 0.5, 1).effective == 64);
  CHECK(kept(128, 0.7, 1).effective == 38);
  CHECK(kept(128, 0.9, 1).effective == 12);
  CHECK(kept(20, 0.9, 1).effective == 2);  // 20·(1-0.9) is below 2 in binary
  CHECK(kept(16, 0.99, 1).effective == 1);
  CHECK(kept(128, 0.7, 8).requested == 38);
  CHECK(kept(128, 0.7, 8).effective == 40);
  CHECK(kept(128, 0.1, 16).effective == 128);
  CHECK(kept(5, 0.5, 4).effective == 4);
  CHECK(kept(5, 0.1, 16).effective == 5);
}

TEST_CASE("the highest scores stay, the lower index on ties, group by group") {
  ModelConfig config = small_config(Family::mamba2);  // 2 groups of 5 states
  StateScores scores = {{1, 5, 3, 5, 2, /**/ 9, 9, 9, 9, 9}, {0, 0, 0, 0, 1, /**/ 5, 4, 3, 2, 1}};
  const PrunePlan plan = choose_states(scores, config, 0.6, 1);
  REQUIRE(plan.layers[0].effective == 2);
  CHECK(plan.layers[0].keep[0] == std::vector<std::int64_t>{1, 3});
  CHECK(plan.layers[0].keep[1] == std::vector<std::int64_t>{0, 1});
  CHECK(plan.layers[0].ties == 3);
  CHECK(plan.layers[1].keep[0] == std::vector<std::int64_t>{0, 4});
  CHECK(plan.layers[1].keep[1] == std::vector<std::int64_t>{0, 1});
  CHECK(plan.layers[1].ties == 3);
}

TEST_CASE("ratios, alignments and scores that make no sense are refused") {
  const ModelConfig config = small_config(Family::mamba1);
  const StateScores scores = ascending(config);
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const double ratio : {-0.1, 1.0, 1.5, nan, std::numeric_limits<double>::infinity()}) {
    CHECK(contains(error_of([&] { choose_states(scores, config, ratio, 1); }), "ratio"));
  }
  CHECK(contains(error_of([&] { choose_states(scores, config, 0.5, 0); }), "align"));
  CHECK(contains(error_of([&] { choose_states({{1}}, config, 0.5, 1); }), "layers"));
  CHECK(contains(error_of([&] { choose_states({{1}, {1}}, config, 0.5, 1); }), "scores"));
  StateScores bad = scores;
  bad[1][3] = nan;
  CHECK(contains(error_of([&] { choose_states(bad, config, 0.5, 1); }), "not a number"));
}

TEST_CASE("delta copies each head's mean step to its cluster of states") {
  Checkpoint model;
  model.config =
      preset("mamba2-130m");  // 128 states, 24 heads: clusters of 5, the rest to the last
  CalibrationStats stats;
  stats.mean_delta.assign(24, {});
  for (auto& layer : stats.mean_delta) {
    for (int head = 0; head < 24; ++head) layer.push_back(100 + head);
  }
  StateScores scores = score("delta")->compute({model, &stats, 0});
  REQUIRE(scores.size() == 24);
  REQUIRE(scores[0].size() == 128);
  for (int s = 0; s < 128; ++s)
    CHECK(scores[7][static_cast<std::size_t>(s)] == 100 + std::min(s / 5, 23));
  const PrunePlan plan = choose_states(scores, model.config, 0.5, 1);
  CHECK(plan.layers[0].keep[0].size() == 64);
  // Head 23 has 13 states, heads 13 to 22 have 50: one of head 12's five (60 to 64) stays.
  CHECK(plan.layers[0].keep[0].front() == 60);
  CHECK(plan.layers[0].keep[0][1] == 65);
  CHECK(plan.layers[0].ties == 4);

  // Fewer states than heads: one state per head, in order.
  model.config.d_state.assign(24, 7);
  scores = score("delta")->compute({model, &stats, 0});
  CHECK(scores[0] == std::vector<double>{100, 101, 102, 103, 104, 105, 106});

  // Groups use their own heads.
  model.config = small_config(Family::mamba2);  // 2 groups, 4 heads, 5 states
  stats.mean_delta = {{1, 2, 3, 4}, {5, 6, 7, 8}};
  scores = score("delta")->compute({model, &stats, 0});
  CHECK(scores[0] == std::vector<double>{1, 1, 2, 2, 2, 3, 3, 4, 4, 4});
  CHECK(scores[1] == std::vector<double>{5, 5, 6, 6, 6, 7, 7, 8, 8, 8});
}

TEST_CASE("delta is refused where it is not defined") {
  const Checkpoint one = seeded_checkpoint(small_config(Family::mamba1), 1, DType::f32);
  CalibrationStats stats;
  stats.mean_delta.assign(2, std::vector<double>(16, 1));
  const std::string message = error_of([&] { score("delta")->compute({one, &stats, 0}); });
  CHECK(contains(message, "not defined for Mamba-1"));
  CHECK(contains(message, "magnitude"));
  CHECK(contains(message, "random"));
  const Checkpoint two = seeded_checkpoint(small_config(Family::mamba2), 1, DType::f32);
  CHECK(contains(error_of([&] { score("delta")->compute({two, nullptr, 0}); }), "calibration"));
  CHECK(contains(error_of([&] { score("delta")->compute({two, &stats, 0}); }), "heads"));
}

TEST_CASE("magnitude pairs the B and C of each state") {
  // Mamba-1: all x_proj weights 1, except B of state 2 doubled and C of state 4 times eight.
  ModelConfig config = small_config(Family::mamba1);
  Checkpoint one = seeded_checkpoint(config, 1, DType::f32);
  std::vector<float> x_proj(13 * 16, 1.0F);
  for (std::size_t i = 0; i < 16; ++i) {
    x_proj[(3 + 2) * 16 + i] = 2;
    x_proj[(3 + 5 + 4) * 16 + i] = 8;
  }
  one.tensors["backbone.layers.0.mixer.x_proj.weight"] = from_floats(x_proj, {13, 16}, DType::f32);
  const StateScores scores = score("magnitude")->compute({one, nullptr, 0});
  const double unit = scores[0][0];
  CHECK(unit == Approx(4));  // sqrt(‖1…1‖·‖1…1‖), 16 ones
  CHECK(scores[0][1] == Approx(unit));
  CHECK(scores[0][2] == Approx(unit * std::sqrt(2.0)));
  CHECK(scores[0][4] == Approx(unit * std::sqrt(8.0)));

  // Mamba-2: rows z (16), x (16), B (10), C (10), dt; channels x (16), B (10), C (10).
  config = small_config(Family::mamba2);
  Checkpoint two = seeded_checkpoint(config, 1, DType::f32);
  std::vector<float> in_proj(56 * 8, 1.0F);
  std::vector<float> conv(36 * 4, 1.0F);
  for (std::size_t i = 0; i < 8; ++i) in_proj[(32 + 10 + 7) * 8 + i] = 3;  // C of group 1, state 2
  for (std::size_t i = 0; i < 4; ++i) conv[(16 + 1) * 4 + i] = 5;          // B of group 0, state 1
  const std::string mixer = "backbone.layers.1.mixer.";
  two.tensors[mixer + "in_proj.weight"] = from_floats(in_proj, {56, 8}, DType::f32);
  two.tensors[mixer + "conv1d.weight"] = from_floats(conv, {36, 1, 4}, DType::f32);
  const StateScores both = score("magnitude")->compute({two, nullptr, 0});
  const double base = both[1][0];
  CHECK(base == Approx(std::sqrt(8.0 * 4.0)));
  CHECK(both[1][1] == Approx(base * std::sqrt(5.0)));
  CHECK(both[1][7] == Approx(base * std::sqrt(3.0)));
  CHECK(both[1][2] == Approx(base));
}

TEST_CASE("random scores follow the seed") {
  const Checkpoint two = seeded_checkpoint(small_config(Family::mamba2), 1, DType::f32);
  const auto with = [&](std::uint64_t seed) {
    return score("random")->compute({two, nullptr, seed});
  };
  CHECK(with(1) == with(1));
  CHECK(with(1) != with(2));
  CHECK(with(1)[0] != with(1)[1]);
  CHECK(with(1)[0].size() == 10);
}

TEST_CASE("masking keeps the tensors and marks the states") {
  const Checkpoint dense = seeded_checkpoint(small_config(Family::mamba2), 1, DType::f32);
  const StateScores scores = {{0, 1, 2, 3, 4, /**/ 4, 3, 2, 1, 0}, {0, 0, 0, 0, 1, 1, 0, 0, 0, 0}};
  const Checkpoint masked = mask_states(dense, choose_states(scores, dense.config, 0.6));
  CHECK(masked.state_mask[0] == std::vector<std::uint8_t>{0, 0, 0, 1, 1, 1, 1, 0, 0, 0});
  CHECK(masked.state_mask[1] == std::vector<std::uint8_t>{1, 0, 0, 0, 1, 1, 1, 0, 0, 0});
  CHECK(masked.config.d_state == dense.config.d_state);
  CHECK(masked.tensors.at("backbone.embeddings.weight").data ==
        dense.tensors.at("backbone.embeddings.weight").data);
  CHECK(masked.weights_hash != dense.weights_hash);
  const TemporaryFolder folder;
  CHECK(contains(error_of([&] { save_checkpoint(masked, folder.path()); }), "masked"));
}

TEST_CASE("surgery on Mamba-2 takes the rows and channels of B and C, nothing else") {
  ModelConfig config = small_config(Family::mamba2);
  config.use_bias = true;
  const Checkpoint dense = seeded_checkpoint(config, 1, DType::bf16);
  const StateScores scores = {{0, 1, 2, 3, 4, /**/ 4, 3, 2, 1, 0}, {1, 1, 1, 1, 1, 1, 1, 1, 1, 1}};
  PrunePlan plan = choose_states(scores, config, 0.6);
  plan.layers[1].keep = {{0, 2, 3}, {1, 2, 4}};  // layers may differ
  const Checkpoint pruned = remove_states(dense, plan);
  CHECK(pruned.config.d_state == std::vector<std::int64_t>{2, 3});
  check_complete(pruned);
  CHECK(pruned.weights_hash != dense.weights_hash);
  CHECK(pruned.config_hash != dense.config_hash);
  // Layer 0 keeps states {3, 4} of group 0 and {0, 1} of group 1.
  const std::int64_t rows[] = {32 + 3, 32 + 4, 32 + 5 + 0, 32 + 5 + 1,
                               42 + 3, 42 + 4, 42 + 5 + 0, 42 + 5 + 1};
  const std::string mixer = "backbone.layers.0.mixer.";
  const auto at = [&](const Checkpoint& model, const std::string& name, std::int64_t row) {
    return row_of(model.tensors.at(mixer + name), row);
  };
  for (std::int64_t row = 0; row < 32; ++row) {
    CHECK(at(pruned, "in_proj.weight", row) == at(dense, "in_proj.weight", row));
  }
  for (std::int64_t i = 0; i < 8; ++i) {
    CHECK(at(pruned, "in_proj.weight", 32 + i) == at(dense, "in_proj.weight", rows[i]));
    CHECK(at(pruned, "in_proj.bias", 32 + i) == at(dense, "in_proj.bias", rows[i]));
    CHECK(at(pruned, "conv1d.weight", 16 + i) == at(dense, "conv1d.weight", rows[i] - 16));
    CHECK(at(pruned, "conv1d.bias", 16 + i) == at(dense, "conv1d.bias", rows[i] - 16));
  }
  for (std::int64_t row = 0; row < 4; ++row) {  // dt
    CHECK(at(pruned, "in_proj.weight", 40 + row) == at(dense, "in_proj.weight", 52 + row));
  }
  for (const char* name : {"A_log", "D", "dt_bias", "norm.weight", "out_proj.weight"}) {
    CHECK(pruned.tensors.at(mixer + name).data == dense.tensors.at(mixer + name).data);
  }
}

TEST_CASE("surgery on Mamba-1 takes columns of A_log and rows of x_proj") {
  const Checkpoint dense = seeded_checkpoint(small_config(Family::mamba1), 1, DType::f32);
  const StateScores scores = {{5, 1, 4, 2, 3}, {1, 2, 3, 4, 5}};
  const Checkpoint pruned = remove_states(dense, choose_states(scores, dense.config, 0.4));
  CHECK(pruned.config.d_state == std::vector<std::int64_t>{3, 3});
  check_complete(pruned);
  const std::string mixer = "backbone.layers.0.mixer.";  // keeps 0, 2, 4
  const std::int64_t rows[] = {0, 1, 2, 3 + 0, 3 + 2, 3 + 4, 8 + 0, 8 + 2, 8 + 4};
  for (std::int64_t i = 0; i < 9; ++i) {
    CHECK(row_of(pruned.tensors.at(mixer + "x_proj.weight"), i) ==
          row_of(dense.tensors.at(mixer + "x_proj.weight"), rows[i]));
  }
  const auto before = to_floats(dense.tensors.at(mixer + "A_log"));
  const auto after = to_floats(pruned.tensors.at(mixer + "A_log"));
  for (std::size_t channel = 0; channel < 16; ++channel) {
    for (std::size_t i = 0; i < 3; ++i)
      CHECK(after[channel * 3 + i] == before[channel * 5 + 2 * i]);
  }
}

TEST_CASE("pruning twice is pruning once, and the result can be saved") {
  for (const Family family : {Family::mamba1, Family::mamba2}) {
    const Checkpoint dense = seeded_checkpoint(small_config(family), 1, DType::f32);
    const auto prune = [](const Checkpoint& model, double ratio) {
      return remove_states(model, choose_states(ascending(model.config), model.config, ratio));
    };
    const Checkpoint twice = prune(prune(dense, 0.2), 0.5);  // 5 → 4 → 2, the highest each time
    const Checkpoint once = prune(dense, 0.6);
    CHECK(twice.config_hash == once.config_hash);
    CHECK(twice.weights_hash == once.weights_hash);
    const TemporaryFolder folder;
    save_checkpoint(once, folder / "pruned");
    CHECK(load_checkpoint(folder / "pruned").weights_hash == once.weights_hash);
  }
}

TEST_CASE("a mask follows the states that stay") {
  const Checkpoint dense = seeded_checkpoint(small_config(Family::mamba1), 1, DType::f32);
  const StateScores low_first = {{5, 4, 3, 2, 1}, {5, 4, 3, 2, 1}};
  const Checkpoint masked = mask_states(dense, choose_states(low_first, dense.config, 0.4));
  const Checkpoint both =
      remove_states(masked, choose_states({{1, 2, 3, 4, 5}, {1, 2, 3, 4, 5}}, dense.config, 0.2));
  CHECK(both.state_mask[0] == std::vector<std::uint8_t>{1, 1, 0, 0});
  const Checkpoint again =
      mask_states(masked, choose_states({{1, 2, 3, 4, 5}, {1, 2, 3, 4, 5}}, dense.config, 0.2));
  CHECK(again.state_mask[0] == std::vector<std::uint8_t>{0, 1, 1, 0, 0});
}

TEST_CASE("a plan of another model is refused") {
  const Checkpoint dense = seeded_checkpoint(small_config(Family::mamba1), 1, DType::f32);
  PrunePlan plan = choose_states(ascending(dense.config), dense.config, 0.4);
  plan.layers[1].keep[0] = {0, 0, 1};
  CHECK(contains(error_of([&] { remove_states(dense, plan); }), "layer 1"));
  plan.layers.pop_back();
  CHECK(contains(error_of([&] { mask_states(dense, plan); }), "1 layers"));
}
