#include "workloads/config_fields.hpp"

#include <cmath>
#include <limits>
#include <utility>

#include "reports/error.hpp"
#include "workloads/text.hpp"

namespace ssmprof::workloads {

using nlohmann::json;

namespace {

/// A value as it stands in the file, shortened.
std::string shown(const json& value) {
  if (value.is_string()) return in_quotes(value.get_ref<const std::string&>());
  if (value.is_object()) return "an object";
  if (value.is_array()) return "an array";
  return value.dump(-1, ' ', true, json::error_handler_t::replace);
}

}  // namespace

ConfigFields::ConfigFields(const json& source, std::string where, std::string prefix)
    : json_(source), where_(std::move(where)), prefix_(std::move(prefix)) {
  if (json_.is_object()) return;
  const std::string subject =
      prefix_.empty() ? "the configuration" : prefix_.substr(0, prefix_.size() - 1);
  throw reports::InputError(where_ + ": " + subject + " must be a JSON object, found " +
                            shown(json_));
}

void ConfigFields::fail(const std::string& key, const std::string& problem) const {
  throw reports::InputError(where_ + ": " + prefix_ + key + " " + problem);
}

bool ConfigFields::has(const std::string& key) const {
  const auto found = json_.find(key);
  return found != json_.end() && !found->is_null();
}

std::optional<std::int64_t> ConfigFields::optional_size(const std::string& key,
                                                        std::int64_t most) const {
  if (!has(key)) return std::nullopt;
  const json& value = at(key);
  if (!value.is_number_integer() || value < 1 || value > most) {
    fail(key,
         "must be a whole number from 1 to " + std::to_string(most) + ", found " + shown(value));
  }
  return value.get<std::int64_t>();
}

std::int64_t ConfigFields::size(const std::string& key, std::int64_t fallback,
                                std::int64_t most) const {
  return optional_size(key, most).value_or(fallback);
}

bool ConfigFields::flag(const std::string& key, bool fallback) const {
  if (!has(key)) return fallback;
  if (!at(key).is_boolean()) fail(key, "must be true or false, found " + shown(at(key)));
  return at(key).get<bool>();
}

double ConfigFields::number(const std::string& key, double fallback) const {
  if (!has(key)) return fallback;
  if (!at(key).is_number()) fail(key, "must be a number, found " + shown(at(key)));
  return at(key).get<double>();
}

std::string ConfigFields::text(const std::string& key, const std::string& fallback) const {
  if (!has(key)) return fallback;
  if (!at(key).is_string()) fail(key, "must be a string, found " + shown(at(key)));
  return at(key).get<std::string>();
}

void ConfigFields::only(const std::string& key, bool value, const std::string& why) const {
  if (flag(key, value) != value) {
    fail(key, std::string("is ") + (value ? "false" : "true") + ": " + why);
  }
}

std::int64_t expanded(const ConfigFields& fields, std::int64_t d_model) {
  const double expand = fields.number("expand", 2);
  const double product = expand * static_cast<double>(d_model);
  if (!(expand > 0) || product != std::floor(product) ||
      product > static_cast<double>(ConfigLimits::d_inner)) {
    fields.fail("expand", "times the model's width must be a whole number from 1 to " +
                              std::to_string(ConfigLimits::d_inner) + ", found " +
                              shown(fields.at("expand")) + " times " + std::to_string(d_model));
  }
  return static_cast<std::int64_t>(product);
}

double tagged_number(const ConfigFields& fields, const std::string& key, const json& value) {
  if (value.is_number()) return value.get<double>();
  if (value.is_object() && value.size() == 1 && value.contains("__float__")) {
    const json& inner = value["__float__"];
    if (inner == "Infinity") return std::numeric_limits<double>::infinity();
    if (inner == "-Infinity") return -std::numeric_limits<double>::infinity();
    if (inner == "NaN") return std::numeric_limits<double>::quiet_NaN();
  }
  fields.fail(key, "must hold numbers, found " + shown(value));
}

std::pair<float, float> step_limits(const ConfigFields& fields, const std::string& key) {
  std::pair<float, float> limits{0.0F, std::numeric_limits<float>::infinity()};
  if (!fields.has(key)) return limits;
  const json& value = fields.at(key);
  if (!value.is_array() || value.size() != 2) {
    fields.fail(key, "must be an array of two numbers, found " + shown(value));
  }
  const double low = tagged_number(fields, key, value[0]);
  const double high = tagged_number(fields, key, value[1]);
  if (!(low >= 0 && high > 0 && low <= high && low <= 1e30)) {
    fields.fail(key, "must be [low, high] with 0 <= low <= high and high > 0");
  }
  return {static_cast<float>(low), static_cast<float>(high)};
}

}  // namespace ssmprof::workloads
