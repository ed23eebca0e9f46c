#pragma once

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "reports/fingerprint.hpp"
#include "reports/metric.hpp"

namespace ssmprof::reports {

/// How a metric is judged.
struct MetricRule {
  enum class Direction {
    lower,   ///< less is better
    higher,  ///< more is better
    exact,   ///< the same workload must reproduce it: any change is a regression in stored runs;
             ///< between variants (paired) less is better
    ignore,  ///< not compared: derived from others, or for information
  };
  Direction direction = Direction::lower;
  double threshold = 0;         ///< relative change that counts, stored runs
  double paired_threshold = 0;  ///< the same for interleaved pairs of one process
  double floor = 0;             ///< absolute change, in the metric's unit, that never counts
  FingerprintScope fingerprint = FingerprintScope::timed;
};

/// Rules by metric id, and by class for ids without their own. Data: reports/data/policy.json.
struct Policy {
  std::string version;
  double level = 0.95;  ///< of the intervals; 1 - level bounds the false verdicts of a family
  std::map<std::string, MetricRule> metrics;
  std::map<MetricClass, MetricRule> classes;

  const MetricRule& rule(const std::string& metric_id, MetricClass cls) const;

  /// Replaces the relative thresholds, stored and paired, of every stochastic metric.
  /// Throws InputError unless 0 <= threshold < 1.
  void override_threshold(double threshold);
};

Policy default_policy();

/// Reads a policy file. Throws InputError, one line, for unknown keys, wrong types or versions.
Policy load_policy(const std::filesystem::path& path);
Policy policy_from_json(const nlohmann::json& document, const std::string& where);
nlohmann::json to_json(const Policy& policy);

}  // namespace ssmprof::reports
