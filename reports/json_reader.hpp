#pragma once

#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "reports/error.hpp"

namespace ssmprof::reports {

/// A JSON value and the way to it, so that every complaint names file and path.
class JsonReader {
 public:
  JsonReader(const nlohmann::json& value, std::string where, std::string path = "")
      : value_(value), where_(std::move(where)), path_(std::move(path)) {}

  const nlohmann::json& value() const { return value_; }

  [[noreturn]] void fail(const std::string& what) const {
    throw InputError(where_ + ": " + (path_.empty() ? "/" : path_) + ": " + what);
  }
  [[noreturn]] void expected(const std::string& what) const {
    fail("expected " + what + ", found " + value_.type_name());
  }

  const JsonReader& require_object() const {
    if (!value_.is_object()) expected("an object");
    return *this;
  }
  bool has(const char* key) const { return require_object().value_.contains(key); }
  JsonReader at(const char* key) const {
    if (!has(key)) fail(std::string("the key \"") + key + "\" is missing");
    return {value_.at(key), where_, path_ + "/" + key};
  }
  /// Refuses keys that are not in the list.
  void only(std::initializer_list<const char*> keys) const {
    for (const auto& [key, item] : require_object().value_.items()) {
      bool known = false;
      for (const char* k : keys) known = known || key == k;
      if (!known) fail("unknown key \"" + key + "\"");
    }
  }

  std::string string() const {
    if (!value_.is_string()) expected("a string");
    return value_.get<std::string>();
  }
  bool boolean() const {
    if (!value_.is_boolean()) expected("true or false");
    return value_.get<bool>();
  }
  double number() const {
    if (!value_.is_number()) expected("a number");
    return value_.get<double>();
  }
  std::optional<double> number_or_null() const {
    if (value_.is_null()) return {};
    if (!value_.is_number()) expected("a number or null");
    return value_.get<double>();
  }
  std::int64_t integer(std::int64_t low = std::numeric_limits<std::int64_t>::min(),
                       std::int64_t high = std::numeric_limits<std::int64_t>::max()) const {
    if (!value_.is_number_integer()) expected("an integer");
    if (value_.is_number_unsigned() &&
        value_.get<std::uint64_t>() > static_cast<std::uint64_t>(high)) {
      fail("out of range");
    }
    const auto v = value_.get<std::int64_t>();
    if (v < low || v > high) fail("out of range");
    return v;
  }

  template <class F>
  auto array(F&& each) const {
    if (!value_.is_array()) expected("an array");
    std::vector<decltype(each(*this))> items;
    for (std::size_t i = 0; i < value_.size(); ++i) {
      items.push_back(each(JsonReader(value_[i], where_, path_ + "/" + std::to_string(i))));
    }
    return items;
  }
  template <class F>
  void members(F&& each) const {
    for (const auto& [key, item] : require_object().value_.items()) {
      each(key, JsonReader(item, where_, path_ + "/" + key));
    }
  }

 private:
  const nlohmann::json& value_;
  std::string where_, path_;
};

}  // namespace ssmprof::reports
