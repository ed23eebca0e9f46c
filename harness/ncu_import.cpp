#include "harness/ncu_import.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <set>

#include "probes/metric_set.hpp"
#include "reports/attribution.hpp"
#include "reports/comparison.hpp"
#include "reports/error.hpp"
#include "reports/policy.hpp"
#include "workloads/component.hpp"

namespace ssmprof::harness {
namespace {

const std::vector<std::string> kSets = {"traffic", "flops", "transcendental"};

std::vector<std::string> words_of(const std::string& cell) {
  std::vector<std::string> words(1);
  for (const char c : cell) {
    if (std::string_view(":,;\"'<>()[]{} \t\r\n|").find(c) != std::string_view::npos) {
      if (!words.back().empty()) words.emplace_back();
    } else {
      words.back() += c;
    }
  }
  if (words.back().empty()) words.pop_back();
  return words;
}

/// Columns that the metric sets use, of any chip and data type; ncu prints many others.
std::vector<std::size_t> columns_used(const CsvTable& table) {
  std::set<std::string> hardware;
  for (const char* dtype : {"bf16", "fp16", "fp32"}) {
    for (const auto& set : probes::load_metric_sets(kSets, dtype)) {
      for (const auto& [name, alternatives] : set.counters) {
        for (const auto& parts : alternatives) hardware.insert(parts.begin(), parts.end());
      }
    }
  }
  std::vector<std::size_t> columns;
  for (std::size_t i = 0; i < table.header.size(); ++i) {
    if (hardware.contains(table.header[i])) columns.push_back(i);
  }
  return columns;
}

double number_in(const std::string& field, const std::string& where) {
  std::string digits;
  for (const char c : field) {
    if (c != ',') digits += c;  // ncu groups thousands in some locales
  }
  double value = 0;
  const char* end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, value);
  if (error != std::errc{} || stop != end || !std::isfinite(value) || value < 0) {
    throw reports::InputError(where + ": '" + field + "' is not a count: run ncu with --csv " +
                              "--page raw --print-units base");
  }
  return value;
}

constexpr const char* kWithinFloor =
    "beyond 3 %, but within the bytes that caches may charge to a neighbour";

reports::ComparisonEntry entry_for(const std::string& range, const reports::Metric& ours,
                                   double theirs) {
  reports::ComparisonEntry entry;
  entry.range = range;
  entry.metric = ours.id;
  entry.unit = ours.unit;
  entry.cls = ours.cls;
  entry.baseline = theirs;
  entry.candidate = ours.value;
  static const auto policy = reports::default_policy();
  const double tolerance = ours.unit == "B" ? 0.03 : 0.001;
  // Which kernel pays for a write-back differs from run to run by some lines of the caches.
  const double floor = ours.unit == "B" ? policy.rule(ours.id, ours.cls).floor : 0;
  if (!ours.value) {
    entry.verdict = reports::Verdict::incomparable;
    entry.reason = "not in our report: " + ours.reason;
  } else if (*ours.value == theirs) {
    entry.ratio = 1;
    entry.verdict = reports::Verdict::same;
  } else {
    const double difference = std::abs(*ours.value - theirs);
    const bool close = difference <= tolerance * theirs || difference <= floor;
    if (theirs != 0) entry.ratio = *ours.value / theirs;
    entry.verdict = close ? reports::Verdict::same : reports::Verdict::regressed;
    if (!close) {
      entry.reason = "differs from Nsight Compute's by more than the tolerance";
    } else if (difference > tolerance * theirs) {
      entry.reason = kWithinFloor;
    }
  }
  return entry;
}

}  // namespace

std::string range_of_nvtx(const std::string& cell) {
  const auto words = words_of(cell);
  const auto forward = std::find(words.begin(), words.end(), "forward");
  if (forward == words.end()) return "";
  static const std::set<std::string> leaves = [] {
    std::set<std::string> names;
    for (const auto name : workloads::kComponentNames) names.emplace(name);
    return names;
  }();
  std::string layer;
  for (auto word = std::next(forward); word != words.end(); ++word) {
    if (word->starts_with("layer.")) layer = *word;
    if (leaves.contains(*word)) return layer.empty() ? *word : layer + "/" + *word;
  }
  return layer;
}

NcuRanges join_ncu(const CsvTable& table, const reports::Workload& workload,
                   const std::string& where) {
  const auto wanted = columns_used(table);
  const auto nvtx = table.column_containing("Push/Pop_Range");
  if (!nvtx) {
    throw reports::InputError(where + ": no NVTX column: run ncu with --nvtx (see 'ssmprof ncu')");
  }
  std::set<std::string> known;
  for (const auto& range : workload.ranges) known.insert(range.id);
  NcuRanges result;
  for (const auto& row : table.rows) {
    if (row[0].empty()) continue;  // the row of units
    ++result.kernels;
    const std::string range = range_of_nvtx(row[*nvtx]);
    if (!known.contains(range)) {
      ++result.outside;
      continue;
    }
    for (const auto column : wanted) {
      if (row[column].empty()) continue;
      result.ranges[range][table.header[column]] += number_in(row[column], where);
    }
  }
  return result;
}

reports::Comparison compare_with_ncu(const reports::Workload& workload, const NcuRanges& ncu,
                                     const std::string& dtype) {
  reports::Comparison comparison;
  comparison.name = workload.id + ": ssmprof (candidate) vs Nsight Compute (baseline)";
  comparison.settings = {{"source", "ncu"},
                         {"kernels", ncu.kernels},
                         {"kernels_outside", ncu.outside},
                         {"ranges", ncu.ranges.size()}};
  const auto sets = probes::load_metric_sets(kSets, dtype);
  for (const auto& range : workload.ranges) {
    const auto found = ncu.ranges.find(range.id);
    if (found == ncu.ranges.end()) continue;
    const auto& columns = found->second;
    const auto resolved = probes::resolve(
        sets, "ncu", [&](const std::string& name) { return columns.contains(name); });
    std::vector<double> values;
    for (const auto& name : resolved.hardware) values.push_back(columns.at(name));
    for (const auto& metric : resolved.metrics) {
      const auto* ours = reports::find_metric(range.metrics, metric.blank.id);
      if (!metric.reason.empty() || ours == nullptr) continue;
      auto entry = entry_for(range.id, *ours, probes::ResolvedSets::evaluate(metric, values));
      entry.workload = workload.id;
      comparison.entries.push_back(std::move(entry));
    }
  }
  comparison.settings["entries_within_floor_only"] =
      std::count_if(comparison.entries.begin(), comparison.entries.end(),
                    [](const auto& entry) { return entry.reason == kWithinFloor; });
  comparison.verdict = comparison.entries.empty() ? reports::Verdict::incomparable
                                                  : reports::worst_verdict(comparison.entries);
  return comparison;
}

std::vector<std::string> comparable_hardware_metrics(const std::string& dtype) {
  const auto resolved = probes::resolve(probes::load_metric_sets(kSets, dtype), "any",
                                        [](const std::string&) { return true; });
  std::vector<std::string> names;
  for (const auto& metric : resolved.metrics) {
    if (metric.of_the_whole) continue;
    for (const auto& [index, weight] : metric.terms) {
      const auto& name = resolved.hardware[index];
      if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
    }
  }
  return names;
}

}  // namespace ssmprof::harness
