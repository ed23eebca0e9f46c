#include "workloads/presets.hpp"

#include <filesystem>
#include <map>

#include "reports/error.hpp"
#include "workloads/config_json.hpp"
#include "workloads/text.hpp"

namespace ssmprof::workloads {

/// Generated from presets/*.json: name → content.
const std::map<std::string, std::string>& embedded_presets();

namespace {

[[noreturn]] void unknown(const std::string& what) {
  const std::string near = nearest(what, preset_names());
  throw reports::InputError(
      "unknown model " + in_quotes(what) + ": neither a checkpoint directory nor a preset" +
      (near.empty() ? "" : " (did you mean " + near + "?)") + "; presets: " + join(preset_names()));
}

}  // namespace

std::vector<std::string> preset_names() {
  std::vector<std::string> names;
  for (const auto& [name, content] : embedded_presets()) names.push_back(name);
  return names;
}

std::string preset_source(const std::string& name) {
  const auto found = embedded_presets().find(name);
  if (found == embedded_presets().end()) unknown(name);
  return found->second;
}

ModelConfig preset(const std::string& name) {
  ModelConfig config = parse_config_text(preset_source(name), "preset " + name);
  config.name = name;
  config.origin = "preset";
  return config;
}

Checkpoint open_model(const std::string& directory_or_preset, std::uint64_t seed,
                      kernels::DType dtype) {
  std::error_code error;
  const auto status = std::filesystem::status(directory_or_preset, error);
  if (!error && std::filesystem::is_directory(status)) return load_checkpoint(directory_or_preset);
  if (!error && std::filesystem::exists(status) &&
      !embedded_presets().contains(directory_or_preset)) {
    throw reports::InputError(directory_or_preset +
                              ": is a file: name the directory that holds config.json and "
                              "model.safetensors, or a preset");
  }
  return seeded_checkpoint(preset(directory_or_preset), seed, dtype);
}

}  // namespace ssmprof::workloads
