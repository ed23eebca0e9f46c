#include "reports/fingerprint.hpp"

namespace ssmprof::reports {
namespace {

std::string shown(const nlohmann::json* value) {
  if (value == nullptr || value->is_null()) return "nothing";
  return value->is_string() ? value->get<std::string>() : value->dump();
}

const nlohmann::json* find(const nlohmann::json& document, const std::string& pointer) {
  const nlohmann::json::json_pointer p(pointer);
  if (!document.is_object() || !document.contains(p)) return nullptr;
  return &document.at(p);
}

std::string compared_text(const nlohmann::json* value, bool major_only) {
  std::string text = shown(value);
  return major_only ? text.substr(0, text.find('.')) : text;
}

/// Adds a line when the two values differ; objects are named member by member.
void compare(const std::string& name, const nlohmann::json* a, const nlohmann::json* b,
             bool major_only, std::vector<std::string>& differences) {
  if (a != nullptr && b != nullptr && a->is_object() && b->is_object()) {
    nlohmann::json keys = *a;
    keys.update(*b);
    for (const auto& [key, unused] : keys.items()) {
      compare(name + "/" + key, a->contains(key) ? &a->at(key) : nullptr,
              b->contains(key) ? &b->at(key) : nullptr, major_only, differences);
    }
    return;
  }
  if (compared_text(a, major_only) != compared_text(b, major_only)) {
    differences.push_back(name + ": " + shown(a) + " ≠ " + shown(b));
  }
}

bool matters(FingerprintScope field, FingerprintScope asked) {
  return static_cast<int>(field) <= static_cast<int>(asked);
}

}  // namespace

const char* name_of(FingerprintScope scope) {
  switch (scope) {
    case FingerprintScope::anywhere:
      return "anywhere";
    case FingerprintScope::issued:
      return "issued";
    case FingerprintScope::timed:
      return "timed";
  }
  return "";
}

const std::vector<FingerprintField>& fingerprint_fields() {
  using S = FingerprintScope;
  static const std::vector<FingerprintField> fields = {
      {"/cpu/model", S::issued, false, false},
      {"/gpu/name", S::issued, true, false},
      {"/libraries", S::issued, false, false},
      {"/flags", S::issued, false, false},
      {"/cpu/cores", S::timed, false, false},
      {"/threads", S::timed, false, false},
      {"/gpu/driver", S::timed, true, true},
      {"/gpu/clock_policy", S::timed, true, false},
      {"/gpu/clocks/sm_max", S::timed, true, false},
      {"/gpu/clocks/memory_max", S::timed, true, false},
      {"/gpu/power_limit", S::timed, true, false},
      {"/gpu/ecc", S::timed, true, false},
      {"/gpu/mig", S::timed, true, false},
  };
  return fields;
}

std::vector<std::string> environment_differences(const nlohmann::json& baseline,
                                                 const nlohmann::json& candidate,
                                                 FingerprintScope scope, bool on_gpu) {
  std::vector<std::string> differences;
  if (scope == FingerprintScope::anywhere) return differences;
  for (const auto& field : fingerprint_fields()) {
    if (!matters(field.scope, scope) || (field.gpu_only && !on_gpu)) continue;
    compare(field.pointer, find(baseline, field.pointer), find(candidate, field.pointer),
            field.major_only, differences);
  }
  return differences;
}

std::vector<std::string> settings_differences(const nlohmann::json& baseline,
                                              const nlohmann::json& candidate,
                                              FingerprintScope scope) {
  std::vector<std::string> differences;
  if (scope == FingerprintScope::anywhere) return differences;
  // The index of a GPU does not matter, its model does ("/gpu/name").
  const auto kind = [](const nlohmann::json& settings) {
    const nlohmann::json* device = find(settings, "/device");
    const std::string text = shown(device);
    return text.substr(0, text.find(':'));
  };
  if (kind(baseline) != kind(candidate)) {
    differences.push_back("settings/device: " + kind(baseline) + " ≠ " + kind(candidate));
  }
  std::vector<const char*> keys = {"backend", "dtype", "state_dtype", "config_hash", "variant",
                                   "logits",  "score", "ratio",       "bridge"};
  if (scope == FingerprintScope::timed) {
    keys.insert(keys.end(), {"weights_hash", "tokens_hash", "threads", "graph", "l2"});
  }
  for (const char* key : keys) {
    const std::string pointer = std::string("/") + key;
    compare("settings" + pointer, find(baseline, pointer), find(candidate, pointer), false,
            differences);
  }
  return differences;
}

}  // namespace ssmprof::reports
