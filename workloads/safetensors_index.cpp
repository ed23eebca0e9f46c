#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <set>

#include "reports/error.hpp"
#include "workloads/safetensors.hpp"
#include "workloads/text.hpp"

namespace ssmprof::workloads {

using nlohmann::json;
using reports::InputError;

namespace {

constexpr const char* kSingle = "model.safetensors";
constexpr const char* kIndex = "model.safetensors.index.json";
constexpr std::size_t kLargestIndex = 100'000'000;

json parse_index(const std::filesystem::path& path) {
  std::error_code error;
  if (std::filesystem::file_size(path, error) > kLargestIndex || error) {
    throw InputError(path.string() + ": cannot be read or is larger than 100 MB");
  }
  std::ifstream in(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  if (!in) throw InputError(path.string() + ": cannot be read: check its permissions");
  std::set<std::string> names;
  const auto watch = [&](int depth, json::parse_event_t event, json& value) {
    if (depth > 8) throw InputError(path.string() + ": nests too deep for a safetensors index");
    if (event == json::parse_event_t::key && depth == 2) {
      const auto& name = value.get_ref<const std::string&>();
      if (!names.insert(name).second) {
        throw InputError(path.string() + ": tensor " + in_quotes(name) + " is listed twice");
      }
    }
    return true;
  };
  try {
    return json::parse(text, watch);
  } catch (const json::parse_error& problem) {
    throw InputError(path.string() + ": not valid JSON (near byte " + std::to_string(problem.byte) +
                     ")");
  } catch (const json::exception&) {
    throw InputError(path.string() + ": not valid JSON (a number is out of range)");
  }
}

/// A shard must be a plain file name: an index from elsewhere must not reach other folders.
void check_shard_name(const std::string& shard, const std::string& name, const std::string& where) {
  const bool plain = !shard.empty() && shard != "." && shard != ".." &&
                     shard.find_first_of(std::string("/\\\0", 3)) == std::string::npos;
  if (!plain) {
    throw InputError(where + ": tensor " + in_quotes(name) + " is said to be in " +
                     in_quotes(shard) + ": shards must be plain file names beside the index");
  }
}

std::map<std::string, HostTensor> read_shards(const std::filesystem::path& directory) {
  const std::filesystem::path path = directory / kIndex;
  const std::string where = path.string();
  const json index = parse_index(path);
  if (!index.is_object() || !index.contains("weight_map") || !index["weight_map"].is_object()) {
    throw InputError(where + ": has no object weight_map (tensor name to file name)");
  }
  std::map<std::string, std::set<std::string>> listed;  // shard → tensors
  for (const auto& [name, shard] : index["weight_map"].items()) {
    if (!shard.is_string()) {
      throw InputError(where + ": the file of tensor " + in_quotes(name) + " is not a string");
    }
    check_shard_name(shard.get<std::string>(), name, where);
    listed[shard.get<std::string>()].insert(name);
  }
  std::map<std::string, HostTensor> tensors;
  for (const auto& [shard, names] : listed) {
    std::error_code error;
    if (!std::filesystem::exists(directory / shard, error)) {
      throw InputError(where + ": lists tensor " + in_quotes(*names.begin()) + " in " +
                       in_quotes(shard) + ", which is missing: fetch the checkpoint again");
    }
    const SafetensorsFile file(directory / shard);
    for (const auto& name : names) {
      if (!file.entries().contains(name)) {
        throw InputError(where + ": lists tensor " + in_quotes(name) + " in " + in_quotes(shard) +
                         ", which does not hold it");
      }
      tensors[name] = file.tensor(name);
    }
    for (const auto& [name, entry] : file.entries()) {
      if (!names.contains(name)) {
        throw InputError(file.path().string() + ": holds tensor " + in_quotes(name) +
                         ", which the index does not list for it");
      }
    }
  }
  return tensors;
}

}  // namespace

std::map<std::string, HostTensor> read_safetensors_directory(
    const std::filesystem::path& directory) {
  std::error_code error;
  if (std::filesystem::exists(directory / kSingle, error)) {
    return read_safetensors(directory / kSingle);
  }
  if (std::filesystem::exists(directory / kIndex, error)) return read_shards(directory);
  if (std::filesystem::exists(directory / "pytorch_model.bin", error)) {
    throw InputError(directory.string() +
                     ": holds pytorch_model.bin, a pickle, which this program never opens: turn "
                     "it into safetensors with scripts/convert_checkpoint");
  }
  throw InputError(directory.string() +
                   ": holds neither model.safetensors nor model.safetensors.index.json");
}

}  // namespace ssmprof::workloads
