#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

namespace ssmprof::workloads {

/// Reads the keys of one JSON object with messages that name the file, the key, what was found and
/// what is allowed. A key that is absent or null takes the default.
class ConfigFields {
 public:
  /// `prefix` is put before keys in messages ("ssm_cfg."). Throws unless `json` is an object.
  ConfigFields(const nlohmann::json& json, std::string where, std::string prefix = "");

  bool has(const std::string& key) const;
  const nlohmann::json& at(const std::string& key) const { return json_.at(key); }
  const nlohmann::json& object() const { return json_; }

  /// A whole number in [1, most].
  std::int64_t size(const std::string& key, std::int64_t fallback, std::int64_t most) const;
  std::optional<std::int64_t> optional_size(const std::string& key, std::int64_t most) const;
  bool flag(const std::string& key, bool fallback) const;
  /// A finite number.
  double number(const std::string& key, double fallback) const;
  std::string text(const std::string& key, const std::string& fallback) const;
  /// Refuses any value but the one we implement (absent is fine).
  void only(const std::string& key, bool value, const std::string& why) const;

  /// Throws reports::InputError: "FILE: KEY PROBLEM".
  [[noreturn]] void fail(const std::string& key, const std::string& problem) const;

 private:
  const nlohmann::json& json_;
  std::string where_, prefix_;
};

/// Largest sizes of a configuration; products of any three stay below 2^63.
struct ConfigLimits {
  static constexpr std::int64_t d_model = 1 << 17;
  static constexpr std::int64_t d_inner = 1 << 19;
  static constexpr std::int64_t n_layer = 4096;
  static constexpr std::int64_t vocab = 1 << 24;
  static constexpr std::int64_t state = 256;  ///< what the kernels take
  static constexpr std::int64_t conv = 16;    ///< what the kernels take
  static constexpr std::int64_t chunk = 1 << 16;
};

/// d_inner of `expand` (a number) times d_model, which must be whole. `key` names it in messages.
std::int64_t expanded(const ConfigFields& fields, std::int64_t d_model);

/// A number that JSON cannot hold: 1.5, {"__float__": "Infinity"}.
double tagged_number(const ConfigFields& fields, const std::string& key,
                     const nlohmann::json& value);

/// [low, high] of time_step_limit or dt_limit.
std::pair<float, float> step_limits(const ConfigFields& fields, const std::string& key);

}  // namespace ssmprof::workloads
