#include <algorithm>

#include "workloads/counter_random.hpp"
#include "workloads/safetensors.hpp"

#include "files.hpp"
#include "tests/catch.hpp"

using namespace ssmprof::workloads;
using namespace ssmprof::workloads::testing;
using ssmprof::kernels::DType;

namespace {

/// Changes bytes as damage and malice do: flips, overwrites, cuts, repeats, swaps digits.
std::string mutate(std::string bytes, std::size_t reach, std::uint64_t seed) {
  const CounterRandom random(seed, "mutation");
  std::uint64_t next = 0;
  const auto below = [&](std::size_t bound) {
    return static_cast<std::size_t>(random.below(next++, bound));
  };
  static constexpr char kInteresting[] = "0123456789{}[]\",:.-eE \\\0\n\xff";
  const std::size_t changes = 1 + below(4);
  for (std::size_t i = 0; i < changes && !bytes.empty(); ++i) {
    const std::size_t at = below(std::min(reach, bytes.size()));
    switch (below(6)) {
      case 0:
        bytes[at] = static_cast<char>(bytes[at] ^ (1 << below(8)));
        break;
      case 1:
        bytes[at] = kInteresting[below(sizeof kInteresting - 1)];
        break;
      case 2:
        bytes.erase(at, 1 + below(8));
        break;
      case 3:
        bytes.insert(at, 1 + below(3), kInteresting[below(sizeof kInteresting - 1)]);
        break;
      case 4:
        bytes.insert(at, bytes.substr(at, 1 + below(40)));
        break;
      default:
        bytes.resize(below(bytes.size()));
        break;
    }
  }
  return bytes;
}

/// Corrects the header's length, so that mutations reach behind the first check.
void fix_length(std::string& bytes, std::size_t data_size) {
  if (bytes.size() < 8 + data_size) return;
  const std::uint64_t length = bytes.size() - 8 - data_size;
  std::memcpy(bytes.data(), &length, 8);
}

struct Tally {
  int loaded = 0, refused = 0;
};

/// Loading must succeed or throw an InputError of one line; error_of() lets all else through.
template <typename Load>
void tally(Tally& count, Load&& load) {
  const std::string message = error_of(load);
  if (message.empty()) {
    ++count.loaded;
    return;
  }
  ++count.refused;
  if (message.find('\n') != std::string::npos) FAIL("more than one line: " << message);
}

}  // namespace

TEST_CASE("mutated safetensors files load or are refused, nothing else") {
  const TemporaryFolder folder;
  const Checkpoint good = seeded_checkpoint(small_config(Family::mamba2), 1, DType::bf16);
  save_checkpoint(good, folder.path());
  const auto path = folder / "model.safetensors";
  const std::string bytes = read_file(path);
  const SafetensorsFile file(path);
  std::size_t data_size = 0;
  for (const auto& [name, entry] : file.entries())
    data_size = std::max(data_size, std::size_t{entry.end});
  const std::size_t header = bytes.size() - data_size;
  Tally count;
  for (std::uint64_t seed = 0; seed < 4000; ++seed) {
    INFO("seed " << seed);
    std::string changed = mutate(bytes, seed % 4 == 0 ? bytes.size() : header, seed);
    if (seed % 2 == 0) fix_length(changed, data_size);
    write_file(path, changed);
    tally(count, [&] {
      for (const auto& [name, tensor] : read_safetensors(path)) to_floats(tensor);
    });
    if (seed % 8 == 0) tally(count, [&] { load_checkpoint(folder.path()); });
  }
  CHECK(count.refused > 2000);
  CHECK(count.loaded > 20);  // a changed weight is no error
}

TEST_CASE("mutated configurations load or are refused, nothing else") {
  Tally count;
  const std::string texts[] = {
      to_hf_json(small_config(Family::mamba1)).dump(),
      to_hf_json(small_config(Family::mamba2)).dump(),
      R"({"d_model": 8, "n_layer": 2, "vocab_size": 11, "pad_vocab_size_multiple": 8,
          "ssm_cfg": {"layer": "Mamba2", "d_state": 5, "headdim": 4, "ngroups": 2,
                      "dt_limit": [0.0, Infinity]}, "rms_norm": true, "tie_embeddings": true})"};
  for (std::uint64_t seed = 0; seed < 6000; ++seed) {
    INFO("seed " << seed);
    const std::string& text = texts[seed % 3];
    tally(count, [&] {
      const ModelConfig config = parse_config_text(mutate(text, text.size(), seed), "config.json");
      config.validate();
      to_hf_json(config);
      if (config.n_layer < 100) expected_tensors(config);
    });
  }
  CHECK(count.refused > 2000);
  CHECK(count.loaded > 20);
}
