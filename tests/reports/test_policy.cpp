#include <fstream>

#include "reports/definitions.hpp"
#include "reports/error.hpp"
#include "reports/json_io.hpp"
#include "reports/policy.hpp"

#include "../catch.hpp"
#include "temporary_folder.hpp"

using namespace ssmprof::reports;

namespace {

std::string complaint(const char* pointer, const nlohmann::json& value) {
  nlohmann::json j = to_json(default_policy());
  j[nlohmann::json::json_pointer(pointer)] = value;
  try {
    policy_from_json(j, "P.json");
  } catch (const InputError& e) {
    return e.what();
  }
  return "accepted";
}

}  // namespace

TEST_CASE("the default policy has a rule for every defined metric, and no other") {
  const Policy p = default_policy();
  for (const auto& [id, d] : metric_definitions().items()) {
    INFO(id);
    CHECK(p.metrics.count(id) == 1);
  }
  for (const auto& [id, rule] : p.metrics) {
    INFO(id);
    CHECK(metric_definitions().contains(id));
  }
  CHECK(to_json(policy_from_json(to_json(p), "x")) == to_json(p));
  CHECK(p.rule("unknown", MetricClass::deterministic).direction == MetricRule::Direction::exact);
}

TEST_CASE("unknown keys, directions, versions and thresholds are errors") {
  CHECK(complaint("/extra", 1) == "P.json: /: unknown key \"extra\"");
  CHECK(complaint("/metrics/time/treshold", 1) ==
        "P.json: /metrics/time: unknown key \"treshold\"");
  CHECK(complaint("/classes/other", 1) == "P.json: /classes: unknown key \"other\"");
  CHECK(complaint("/metrics/time/direction", "up").find("none of lower") != std::string::npos);
  CHECK(complaint("/metrics/time/fingerprint", "x").find("none of any") != std::string::npos);
  CHECK(complaint("/metrics/time/threshold", -0.1).find("not in [0, 1)") != std::string::npos);
  CHECK(complaint("/metrics/time/threshold", "5").find("expected a number") != std::string::npos);
  CHECK(complaint("/metrics/time/floor", -1).find("negative") != std::string::npos);
  CHECK(complaint("/policy_version", "2.0.0").find("not a 1.x") != std::string::npos);
  CHECK(complaint("/level", 1).find("/level") != std::string::npos);
  CHECK(complaint("/metrics", 1).find("expected an object") != std::string::npos);
}

TEST_CASE("a policy is read from a file; a threshold given replaces those of times") {
  const TemporaryFolder folder;
  std::ofstream(folder.path / "p.json") << to_json(default_policy()).dump();
  Policy p = load_policy(folder.path / "p.json");
  p.override_threshold(0.2);
  CHECK(p.metrics.at("time").threshold == 0.2);
  CHECK(p.metrics.at("time").paired_threshold == 0.2);
  CHECK(p.metrics.at("flops").threshold == 0);
  CHECK(p.metrics.at("dram_read").threshold == 0.03);
  CHECK_THROWS_AS(p.override_threshold(1), InputError);
  CHECK_THROWS_AS(p.override_threshold(-0.1), InputError);
  CHECK_THROWS_AS(load_policy(folder.path / "none.json"), InputError);
}
