#include "reports/policy.hpp"

#include <cmath>

#include "reports/definitions.hpp"
#include "reports/error.hpp"
#include "reports/json_io.hpp"
#include "reports/json_reader.hpp"
#include "reports/version.hpp"

namespace ssmprof::reports {
namespace {

constexpr const char* kDirections[] = {"lower", "higher", "exact", "ignore"};
constexpr MetricClass kClasses[] = {MetricClass::deterministic, MetricClass::semi_deterministic,
                                    MetricClass::stochastic};

MetricRule::Direction read_direction(const JsonReader& r) {
  const std::string text = r.string();
  for (int i = 0; i < 4; ++i) {
    if (text == kDirections[i]) return static_cast<MetricRule::Direction>(i);
  }
  r.fail("\"" + text + "\" is none of lower, higher, exact, ignore");
}

FingerprintScope read_scope(const JsonReader& r) {
  const std::string text = r.string();
  for (auto s : {FingerprintScope::anywhere, FingerprintScope::issued, FingerprintScope::timed}) {
    if (text == name_of(s)) return s;
  }
  r.fail("\"" + text + "\" is none of anywhere, issued, timed");
}

double read_threshold(const JsonReader& r) {
  const double v = r.number();
  if (!(v >= 0 && v < 1)) r.fail("not in [0, 1)");
  return v;
}

MetricRule read_rule(const JsonReader& r) {
  r.only({"direction", "threshold", "paired_threshold", "floor", "fingerprint"});
  MetricRule rule;
  rule.direction = read_direction(r.at("direction"));
  rule.threshold = read_threshold(r.at("threshold"));
  rule.paired_threshold = read_threshold(r.at("paired_threshold"));
  rule.floor = r.at("floor").number();
  if (!(rule.floor >= 0)) r.at("floor").fail("negative");
  rule.fingerprint = read_scope(r.at("fingerprint"));
  return rule;
}

nlohmann::json rule_json(const MetricRule& rule) {
  return {{"direction", kDirections[static_cast<int>(rule.direction)]},
          {"threshold", rule.threshold},
          {"paired_threshold", rule.paired_threshold},
          {"floor", rule.floor},
          {"fingerprint", name_of(rule.fingerprint)}};
}

}  // namespace

const MetricRule& Policy::rule(const std::string& metric_id, MetricClass cls) const {
  const auto found = metrics.find(metric_id);
  return found != metrics.end() ? found->second : classes.at(cls);
}

void Policy::override_threshold(double threshold) {
  if (!(threshold >= 0 && threshold < 1)) {
    throw InputError("--threshold: not in [0, 1): give a fraction, 0.05 for 5 %");
  }
  const nlohmann::json& definitions = metric_definitions();
  for (auto& [id, rule] : metrics) {
    if (!definitions.contains(id) || definitions[id]["class"] != "stochastic") continue;
    rule.threshold = rule.paired_threshold = threshold;
  }
  auto& rest = classes.at(MetricClass::stochastic);
  rest.threshold = rest.paired_threshold = threshold;
}

Policy policy_from_json(const nlohmann::json& document, const std::string& where) {
  const JsonReader r(document, where);
  r.only({"policy_version", "level", "metrics", "classes"});
  Policy policy;
  policy.version = r.at("policy_version").string();
  if (const auto version = parse_version(policy.version); !version || version->major_number != 1) {
    r.at("policy_version").fail("\"" + policy.version + "\" is not a 1.x version");
  }
  policy.level = r.at("level").number();
  if (!(policy.level >= 0.5 && policy.level < 1)) r.at("level").fail("not in [0.5, 1)");
  r.at("metrics").members(
      [&](const std::string& id, const JsonReader& rule) { policy.metrics[id] = read_rule(rule); });
  const JsonReader classes = r.at("classes");
  classes.only({"deterministic", "semi_deterministic", "stochastic"});
  for (MetricClass c : kClasses) policy.classes[c] = read_rule(classes.at(name_of(c)));
  return policy;
}

Policy default_policy() {
  return policy_from_json(nlohmann::json::parse(data_file("policy")), "policy.json");
}

Policy load_policy(const std::filesystem::path& path) {
  return policy_from_json(read_json_file(path), path.string());
}

nlohmann::json to_json(const Policy& policy) {
  nlohmann::json j{{"policy_version", policy.version}, {"level", policy.level}};
  for (const auto& [id, rule] : policy.metrics) j["metrics"][id] = rule_json(rule);
  for (const auto& [cls, rule] : policy.classes) j["classes"][name_of(cls)] = rule_json(rule);
  return j;
}

}  // namespace ssmprof::reports
