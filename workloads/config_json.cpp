#include "workloads/config_json.hpp"

#include <cctype>
#include <fstream>
#include <iterator>
#include <string_view>

#include "reports/error.hpp"
#include "workloads/config_fields.hpp"
#include "workloads/hash.hpp"

namespace ssmprof::workloads {

using nlohmann::json;
using reports::InputError;

namespace {

constexpr std::size_t kLargestFile = 16U << 20U;

/// Replaces bare Infinity, -Infinity and NaN outside strings by {"__float__": "…"}, the form
/// current transformers writes; everything else stays byte for byte.
std::string tag_bare_floats(const std::string& text) {
  std::string out;
  out.reserve(text.size());
  bool in_string = false;
  for (std::size_t i = 0; i < text.size();) {
    const char c = text[i];
    if (in_string) {
      out += c;
      if (c == '\\' && i + 1 < text.size()) out += text[++i];
      if (c == '"') in_string = false;
      ++i;
      continue;
    }
    bool replaced = false;
    const char before = i > 0 ? text[i - 1] : ' ';
    if (std::isalnum(static_cast<unsigned char>(before)) == 0) {
      for (const std::string_view word : {"-Infinity", "Infinity", "NaN"}) {
        if (text.compare(i, word.size(), word) != 0) continue;
        out += R"({"__float__":")" + std::string(word) + "\"}";
        i += word.size();
        replaced = true;
        break;
      }
    }
    if (replaced) continue;
    in_string = c == '"';
    out += c;
    ++i;
  }
  return out;
}

}  // namespace

ModelConfig parse_config(const json& source, const std::string& where) {
  const ConfigFields fields(source, where);
  ModelConfig config;
  if (fields.has("model_type") || fields.has("architectures")) {
    config = parse_transformers_config(source, where);
  } else if (fields.has("d_model") || fields.has("ssm_cfg") || fields.has("n_layer")) {
    config = parse_state_spaces_config(source, where);
  } else {
    throw InputError(where +
                     ": not a Mamba configuration: neither model_type (Hugging Face layout) nor "
                     "d_model (state-spaces layout) is there");
  }
  try {
    config.validate();
  } catch (const InputError& problem) {
    throw InputError(where + ": " + problem.what());
  }
  return config;
}

ModelConfig parse_config_text(const std::string& text, const std::string& where) {
  json source;
  try {
    source = json::parse(tag_bare_floats(text));
  } catch (const json::parse_error& problem) {
    throw InputError(where + ": not valid JSON (near byte " + std::to_string(problem.byte) +
                     "): write it again or fetch it again");
  } catch (const json::exception&) {
    throw InputError(where + ": not valid JSON (a number is out of range)");
  }
  return parse_config(source, where);
}

ModelConfig read_config_file(const std::filesystem::path& file) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(file, error)) {
    throw InputError(file.string() + ": no such file: a checkpoint directory holds a config.json");
  }
  const auto size = std::filesystem::file_size(file, error);
  if (error || size > kLargestFile) {
    throw InputError(file.string() + ": too large for a configuration (more than 16 MiB)");
  }
  std::ifstream in(file, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  if (!in) throw InputError(file.string() + ": cannot be read: check its permissions");
  return parse_config_text(text, file.string());
}

std::string config_hash(const ModelConfig& config) {
  return hex(hash_text(to_hf_json(config).dump()));
}

}  // namespace ssmprof::workloads
