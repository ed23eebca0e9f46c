#include "reports/comparison.hpp"

#include <map>
#include <set>

#include "reports/attribution.hpp"
#include "reports/coarsening.hpp"
#include "reports/definitions.hpp"
#include "reports/json_io.hpp"
#include "reports/judgement.hpp"
#include "reports/statistics.hpp"

namespace ssmprof::reports {
namespace {

/// Why metrics of a scope may not be compared, by scope; empty when they may.
using Obstacles = std::map<FingerprintScope, std::string>;

bool on_gpu(const Workload& w) {
  const auto device =
      w.settings.is_object() ? w.settings.value("device", nlohmann::json()) : nlohmann::json();
  return device.is_string() && device.get<std::string>().rfind("cuda", 0) == 0;
}

std::string first_of(const std::vector<std::string>& differences) {
  if (differences.empty()) return "";
  const std::string rest =
      differences.size() == 1 ? "" : " (and " + std::to_string(differences.size() - 1) + " more)";
  return differences.front() + rest;
}

/// Collects the entries of one workload and settles their verdicts family by family.
class Comparer {
 public:
  Comparer(std::string workload, const Policy& policy, bool paired, const Obstacles& obstacles)
      : workload_(std::move(workload)), policy_(policy), paired_(paired), obstacles_(obstacles) {}

  void compare(const PlacePair& place) {
    if (!place.has_baseline || !place.has_candidate) {
      ComparisonEntry e = entry(place.name, "", "", MetricClass::deterministic);
      e.verdict = place.has_baseline ? Verdict::missing : Verdict::added;
      e.reason =
          place.has_baseline ? "the candidate has no such range" : "the baseline has no such range";
      entries_.push_back(std::move(e));
      return;
    }
    for (const auto& a : place.baseline) {
      compare_metric(place.name, a, find_metric(place.candidate, a.id));
    }
    for (const auto& b : place.candidate) {
      if (find_metric(place.baseline, b.id) == nullptr) added_metric(place.name, b, "");
    }
  }

  /// Holm's correction over the entries since the last call.
  void settle_family() {
    std::vector<std::size_t> indices;
    std::vector<double> p;
    for (const auto& [index, value] : p_values_) {
      indices.push_back(index);
      p.push_back(value);
    }
    const auto adjusted = holm(p);
    for (std::size_t i = 0; i < indices.size(); ++i) {
      ComparisonEntry& e = entries_[indices[i]];
      if (e.verdict != Verdict::regressed && e.verdict != Verdict::improved) continue;
      if (adjusted[i] <= 1 - policy_.level + 1e-12) continue;
      e.verdict = Verdict::ambiguous;
      e.reason = "beyond the threshold alone, but not after Holm's correction over " +
                 std::to_string(p.size()) + " metrics: more samples are needed";
    }
    p_values_.clear();
  }

  std::vector<ComparisonEntry> take() { return std::move(entries_); }

 private:
  /// Samples of a clock alternate between the variants of a study; what is traced or measured
  /// otherwise is so one variant after the other. What has no samples is of the same process.
  static bool pairs(const Metric& m) {
    return m.cls != MetricClass::stochastic || m.source == "clock" || m.source == "cuda_event";
  }

  ComparisonEntry entry(const std::string& range, const std::string& metric,
                        const std::string& unit, MetricClass cls) const {
    ComparisonEntry e;
    e.workload = workload_;
    e.range = range;
    e.metric = metric;
    e.unit = unit;
    e.cls = cls;
    return e;
  }

  void added_metric(const std::string& range, const Metric& b, const std::string& why) {
    if (!b.value || policy_.rule(b.id, b.cls).direction == MetricRule::Direction::ignore) return;
    ComparisonEntry e = entry(range, b.id, b.unit, b.cls);
    e.candidate = b.value;
    e.verdict = Verdict::added;
    e.reason = "the baseline did not measure it" + (why.empty() ? "" : ": " + why);
    entries_.push_back(std::move(e));
  }

  void compare_metric(const std::string& range, const Metric& a, const Metric* b) {
    const MetricRule& rule = policy_.rule(a.id, a.cls);
    if (rule.direction == MetricRule::Direction::ignore) return;
    if (!a.value) {
      if (b != nullptr) added_metric(range, *b, a.reason);
      return;  // measured on neither side
    }
    ComparisonEntry e = entry(range, a.id, a.unit, a.cls);
    e.baseline = a.value;
    if (b == nullptr) {
      e.reason = "the candidate has no such metric: was its probe selected?";
    } else if (!b->value) {
      e.reason = "the candidate could not measure it: " + b->reason;
    } else if (b->unit != a.unit || b->cls != a.cls) {
      e.candidate = b->value;
      e.reason = "unit or class differs: " + b->unit + ", " + name_of(b->cls);
    } else if (const auto o = obstacles_.find(rule.fingerprint);
               o != obstacles_.end() && !o->second.empty()) {
      e.candidate = b->value;
      e.reason = "fingerprints differ: " + o->second;
    } else {
      e.candidate = b->value;
      const Judgement j = judge(a, *b, rule, policy_.level, paired_ && pairs(a));
      e.ratio = j.ratio;
      e.interval = j.interval;
      e.verdict = j.verdict;
      e.reason = j.reason;
      if (j.p_value) p_values_.emplace_back(entries_.size(), *j.p_value);
    }
    entries_.push_back(std::move(e));
  }

  std::string workload_;
  const Policy& policy_;
  bool paired_;
  const Obstacles& obstacles_;
  std::vector<ComparisonEntry> entries_;
  std::vector<std::pair<std::size_t, double>> p_values_;
};

Comparison compare(const Workload& baseline, const Workload& candidate, const Policy& policy,
                   bool paired, const Obstacles& obstacles) {
  Comparer comparer(baseline.id, policy, paired, obstacles);
  comparer.compare({"", true, true, baseline.metrics, candidate.metrics});
  comparer.settle_family();
  for (const auto& place : pair_rows(baseline, candidate)) comparer.compare(place);
  comparer.settle_family();
  for (const auto& place : pair_ranges(baseline, candidate)) comparer.compare(place);
  comparer.settle_family();
  Comparison c;
  c.name = baseline.id == candidate.id ? baseline.id : candidate.id + " vs " + baseline.id;
  c.settings = {{"paired", paired},
                {"method", paired ? "median log-ratio of pairs, sign-test interval, Holm per family"
                                  : "ratio of medians, interval from two order-statistic intervals "
                                    "(Bonferroni), Holm per family"},
                {"policy", to_json(policy)}};
  c.entries = comparer.take();
  c.verdict = worst_verdict(c.entries);
  return c;
}

Obstacles stored_obstacles(const Workload& a, const Workload& b, const nlohmann::json& env_a,
                           const nlohmann::json& env_b) {
  Obstacles obstacles;
  for (auto scope : {FingerprintScope::issued, FingerprintScope::timed}) {
    auto differences = environment_differences(env_a, env_b, scope, on_gpu(a) || on_gpu(b));
    for (auto& d : settings_differences(a.settings, b.settings, scope)) {
      differences.push_back(std::move(d));
    }
    obstacles[scope] = first_of(differences);
  }
  return obstacles;
}

/// A comparison that says only that one side lacks the workload.
Comparison one_sided(const std::string& id, Verdict verdict, const std::string& reason) {
  Comparison c;
  c.name = id;
  c.settings = nlohmann::json::object();
  ComparisonEntry e;
  e.workload = id;
  e.verdict = verdict;
  e.reason = reason;
  c.entries.push_back(std::move(e));
  c.verdict = verdict;
  return c;
}

}  // namespace

Verdict worst_verdict(const std::vector<ComparisonEntry>& entries) {
  for (Verdict v : {Verdict::regressed, Verdict::missing, Verdict::incomparable, Verdict::ambiguous,
                    Verdict::improved, Verdict::added}) {
    for (const auto& e : entries) {
      if (e.verdict == v) return v;
    }
  }
  return entries.empty() ? Verdict::incomparable : Verdict::same;
}

Comparison compare_workloads(const Workload& baseline, const Workload& candidate,
                             const Policy& policy, bool paired) {
  const nlohmann::json none = nlohmann::json::object();
  return compare(baseline, candidate, policy, paired,
                 paired ? Obstacles{} : stored_obstacles(baseline, candidate, none, none));
}

Report compare_reports(const Report& baseline, const Report& candidate, const Policy& policy,
                       bool strict) {
  for (const auto* r : {&baseline, &candidate}) {
    if (r->kind != Report::Kind::run) {
      throw InputError(std::string(r == &baseline ? "the baseline" : "the candidate") +
                       " is a comparison: give two reports of runs");
    }
  }
  Report result;
  result.kind = Report::Kind::comparison;
  result.partial = baseline.partial || candidate.partial;
  result.environment = {{"baseline", baseline.environment}, {"candidate", candidate.environment}};
  result.definitions = metric_definitions();
  std::map<std::string, const Workload*> candidates;
  for (const auto& w : candidate.workloads) candidates[w.id] = &w;
  std::set<std::string> seen;
  for (const auto& a : baseline.workloads) {
    seen.insert(a.id);
    const auto found = candidates.find(a.id);
    if (found == candidates.end()) {
      result.comparisons.push_back(
          candidate.partial
              ? one_sided(a.id, Verdict::incomparable,
                          "the candidate was interrupted before this workload")
              : one_sided(a.id, Verdict::missing, "the candidate has no such workload"));
      continue;
    }
    const Workload& b = *found->second;
    result.comparisons.push_back(compare(
        a, b, policy, false, stored_obstacles(a, b, baseline.environment, candidate.environment)));
    result.comparisons.back().settings["strict"] = strict;
  }
  for (const auto& b : candidate.workloads) {
    if (seen.count(b.id) == 0) {
      result.comparisons.push_back(
          one_sided(b.id, Verdict::added, "the baseline has no such workload"));
    }
  }
  for (const auto* r : {&baseline, &candidate}) {
    if (!r->partial) continue;
    result.diagnostics.push_back(
        {"comparison.partial", Diagnostic::Level::warning,
         std::string(r == &baseline ? "the baseline" : "the candidate") + " was interrupted",
         "run it again to the end"});
  }
  return result;
}

ExitCode exit_code(const Report& comparison, bool strict) {
  bool incomparable = comparison.comparisons.empty();
  bool ambiguous = false;
  bool compared = false;
  for (const auto& c : comparison.comparisons) {
    incomparable = incomparable || c.entries.empty();
    for (const auto& e : c.entries) {
      if (e.verdict == Verdict::regressed || e.verdict == Verdict::missing) {
        return ExitCode::mismatch;
      }
      incomparable = incomparable || e.verdict == Verdict::incomparable;
      ambiguous = ambiguous || e.verdict == Verdict::ambiguous;
      compared = compared || e.verdict != Verdict::added;
    }
  }
  if (incomparable || !compared || (strict && ambiguous)) return ExitCode::incomparable;
  return ExitCode::ok;
}

}  // namespace ssmprof::reports
