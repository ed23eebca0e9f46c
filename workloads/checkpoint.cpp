#include "workloads/checkpoint.hpp"

#include <cstring>
#include <utility>

#include "reports/atomic_file.hpp"
#include "reports/error.hpp"
#include "workloads/config_json.hpp"
#include "workloads/hash.hpp"
#include "workloads/parallel.hpp"
#include "workloads/safetensors.hpp"
#include "workloads/text.hpp"

namespace ssmprof::workloads {

using reports::InputError;
using Tensors = std::map<std::string, HostTensor>;

namespace {

/// The original layout calls the embedding "backbone.embedding.weight".
void use_canonical_names(Tensors& tensors, const std::string& where) {
  const std::string original = "backbone.embedding.weight";
  const std::string canonical = "backbone.embeddings.weight";
  const auto found = tensors.find(original);
  if (found == tensors.end()) return;
  if (tensors.contains(canonical)) {
    throw InputError(where + ": holds both " + original + " and " + canonical +
                     ": one embedding is expected");
  }
  tensors[canonical] = std::move(found->second);
  tensors.erase(found);
}

/// A tied model may carry its head too; it must then be the embedding.
void drop_tied_head(const ModelConfig& config, Tensors& tensors, const std::string& where) {
  const auto head = tensors.find("lm_head.weight");
  const auto embedding = tensors.find("backbone.embeddings.weight");
  if (!config.tie_embeddings || head == tensors.end() || embedding == tensors.end()) return;
  const HostTensor& a = head->second;
  const HostTensor& b = embedding->second;
  if (a.dtype != b.dtype || a.shape != b.shape || std::memcmp(a.data, b.data, a.bytes()) != 0) {
    throw InputError(where +
                     ": lm_head.weight differs from the embedding although the configuration ties "
                     "them: set tie_word_embeddings (tie_embeddings) to false");
  }
  tensors.erase(head);
}

void check_tensors(const ModelConfig& config, const Tensors& tensors, const std::string& where) {
  const std::vector<ExpectedTensor> expected = expected_tensors(config);
  std::map<std::string, const ExpectedTensor*> by_name;
  for (const auto& item : expected) by_name[item.name] = &item;
  for (const auto& item : expected) {
    const auto found = tensors.find(item.name);
    if (found == tensors.end()) {
      throw InputError(where + ": tensor " + item.name + " " + shape_text(item.shape) +
                       " is missing: weights and config.json do not belong together");
    }
    if (found->second.shape != item.shape) {
      throw InputError(where + ": tensor " + item.name + " has shape " +
                       shape_text(found->second.shape) + ", but config.json asks for " +
                       shape_text(item.shape));
    }
  }
  for (const auto& [name, tensor] : tensors) {
    if (!by_name.contains(name)) {
      throw InputError(where + ": tensor " + in_quotes(name) + " " + shape_text(tensor.shape) +
                       " belongs to no part of a model of this configuration");
    }
  }
}

std::uint64_t hash_tensor(const std::string& name, const HostTensor& tensor) {
  const std::string head =
      name + " " + std::string(name_of(tensor.dtype)) + " " + shape_text(tensor.shape);
  return hash_bytes(tensor.data, tensor.bytes(), hash_text(head));
}

}  // namespace

void rehash(Checkpoint& checkpoint) {
  std::vector<const std::pair<const std::string, HostTensor>*> items;
  for (const auto& item : checkpoint.tensors) items.push_back(&item);
  std::vector<std::uint64_t> hashes(items.size());
  parallel_for(static_cast<std::int64_t>(items.size()), [&](std::int64_t i) {
    const auto at = static_cast<std::size_t>(i);
    hashes[at] = hash_tensor(items[at]->first, items[at]->second);
  });
  checkpoint.weights_hash = hex(hash_bytes(hashes.data(), hashes.size() * sizeof(std::uint64_t)));
  checkpoint.config_hash = config_hash(checkpoint.config);
  if (!checkpoint.state_mask.empty()) hash_mask(checkpoint);
}

void hash_mask(Checkpoint& checkpoint) {
  std::uint64_t hash = hash_text(checkpoint.weights_hash);
  for (const auto& mask : checkpoint.state_mask) hash = hash_bytes(mask.data(), mask.size(), hash);
  checkpoint.weights_hash = "masked:" + hex(hash);
}

Checkpoint load_checkpoint(const std::filesystem::path& directory) {
  std::error_code error;
  if (!std::filesystem::is_directory(directory, error)) {
    throw InputError(directory.string() + ": no such checkpoint directory");
  }
  Checkpoint checkpoint;
  checkpoint.config = read_config_file(directory / "config.json");
  auto name = directory.lexically_normal().filename();
  if (name.empty()) name = directory.lexically_normal().parent_path().filename();
  checkpoint.config.name = name.string();
  checkpoint.tensors = read_safetensors_directory(directory);
  use_canonical_names(checkpoint.tensors, directory.string());
  drop_tied_head(checkpoint.config, checkpoint.tensors, directory.string());
  check_tensors(checkpoint.config, checkpoint.tensors, directory.string());
  rehash(checkpoint);
  return checkpoint;
}

void save_checkpoint(const Checkpoint& checkpoint, const std::filesystem::path& directory) {
  if (!checkpoint.state_mask.empty()) {
    throw InputError(directory.string() +
                     ": a masked model has no file format: save the physically pruned one");
  }
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (!std::filesystem::is_directory(directory)) {
    throw InputError(directory.string() + ": cannot be made: " + error.message());
  }
  reports::require_writable(directory / "config.json");
  write_safetensors(directory / "model.safetensors", checkpoint.tensors, {{"format", "pt"}});
  reports::write_atomically(directory / "config.json",
                            to_hf_json(checkpoint.config).dump(2) + "\n");
}

}  // namespace ssmprof::workloads
