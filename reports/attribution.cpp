#include "reports/attribution.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <stdexcept>

#include "reports/definitions.hpp"
#include "reports/statistics.hpp"

namespace ssmprof::reports {
namespace {

/// What a row is made of: lists of metrics, each with the name of its place.
struct Parts {
  std::vector<const std::vector<Metric>*> lists;
  std::vector<std::string> places;
};

const std::map<std::string, bool>& additive_ids() {
  static const std::map<std::string, bool> ids = [] {
    std::map<std::string, bool> all;
    const nlohmann::json& definitions = metric_definitions();
    for (const auto& [id, d] : definitions.items()) all[id] = d.at("additive").get<bool>();
    return all;
  }();
  return ids;
}

void put(std::vector<Metric>& metrics, Metric metric) {
  for (auto& m : metrics) {
    if (m.id == metric.id) {
      m = std::move(metric);
      return;
    }
  }
  metrics.push_back(std::move(metric));
}

/// numerator / denominator, where either may be missing. The denominator's interval is inverted.
Metric quotient(const std::string& id, const std::string& unit, MetricClass cls,
                const Metric* numerator, const Metric* denominator) {
  const std::string source = "derived";
  for (const Metric* m : {numerator, denominator}) {
    if (m != nullptr && !m->value) {
      return missing(id, unit, cls, source, "no " + m->id + ": " + m->reason);
    }
  }
  if (*denominator->value <= 0) {
    return missing(id, unit, cls, source, denominator->id + " is not positive");
  }
  Metric m = missing(id, unit, cls, source, "");
  m.value = *numerator->value / *denominator->value;
  const auto& i = denominator->interval;
  if (i && i->low > 0 && !numerator->interval) {
    m.interval = Interval{*numerator->value / i->high, *numerator->value / i->low, i->level};
  }
  return m;
}

Metric share(const Metric& time, const Metric& whole) {
  Metric m = missing("share", "1", MetricClass::stochastic, "derived", "");
  if (!time.value) {
    m.reason = "no time: " + time.reason;
  } else if (!whole.value || *whole.value <= 0) {
    m.reason = "no time of the whole" + (whole.reason.empty() ? "" : ": " + whole.reason);
  } else {
    m.value = *time.value / *whole.value;
  }
  return m;
}

void add_derived(std::vector<AttributionRow>& rows) {
  // The rows partition the instrumented run. The sum of their medians, not the median of their
  // sums: shares add up to 1.
  Metric whole = missing("time", "s", MetricClass::stochastic, "derived", "");
  double sum = 0;
  for (const auto& row : rows) {
    const Metric* m = find_metric(row.metrics, "time");
    if (m == nullptr) continue;
    if (m->value) sum += *m->value;
    if (!m->value && whole.reason.empty()) whole.reason = row.name + " has none: " + m->reason;
  }
  if (whole.reason.empty()) whole.value = sum;
  for (auto& row : rows) {
    add_rates(row.metrics);
    if (const Metric* time = find_metric(row.metrics, "time")) {
      Metric part = share(*time, whole);
      put(row.metrics, std::move(part));
    }
  }
}

}  // namespace

void add_rates(std::vector<Metric>& metrics) {
  const Metric* time = find_metric(metrics, "time");
  const Metric* flops = find_metric(metrics, "flops");
  const Metric* bytes = find_metric(metrics, "bytes_min");
  const auto rate = MetricClass::stochastic;
  std::vector<Metric> derived;
  if (time && flops) derived.push_back(quotient("flops_per_second", "FLOP/s", rate, flops, time));
  if (time && bytes) derived.push_back(quotient("bytes_per_second", "B/s", rate, bytes, time));
  if (flops && bytes && !(bytes->value && *bytes->value == 0)) {
    derived.push_back(quotient("intensity", "FLOP/B", MetricClass::deterministic, flops, bytes));
  }
  for (auto& m : derived) put(metrics, std::move(m));
}

const Metric* find_metric(std::span<const Metric> metrics, std::string_view id) {
  for (const auto& m : metrics) {
    if (m.id == id) return &m;
  }
  return nullptr;
}

bool is_additive(const Metric& metric) {
  const auto found = additive_ids().find(metric.id);
  if (found != additive_ids().end()) return found->second;
  return metric.unit == "s" || metric.unit == "B" || metric.unit == "FLOP" || metric.unit == "J";
}

Metric sum_metric(std::span<const Metric* const> parts, std::span<const std::string> places,
                  const Metric& like) {
  Metric sum = missing(like.id, like.unit, like.cls, like.source, "");
  sum.hw_metric = like.hw_metric;
  sum.passes = like.passes;
  // One reason that holds everywhere needs no place.
  const auto lacks_alike = [&](const Metric* m) {
    return m != nullptr && !m->value && m->reason == parts.front()->reason;
  };
  if (!parts.empty() && std::all_of(parts.begin(), parts.end(), lacks_alike)) {
    sum.reason = parts.front()->reason;
    return sum;
  }
  double total = 0;
  std::optional<std::size_t> count;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const Metric* part = parts[i];
    if (part == nullptr) {
      sum.reason = places[i] + " has no " + like.id;
      return sum;
    }
    if (!part->value) {
      sum.reason = places[i] + ": " + part->reason;
      return sum;
    }
    if (count && *count != part->samples.size()) {
      sum.reason = places[i] + " has " + std::to_string(part->samples.size()) + " samples of " +
                   like.id + ", others have " + std::to_string(*count);
      return sum;
    }
    count = part->samples.size();
    total += *part->value;
  }
  if (parts.size() == 1) {
    sum = *parts[0];
    return sum;
  }
  sum.value = total;
  if (!count || *count == 0) return sum;
  sum.samples.assign(*count, 0.0);
  for (const Metric* part : parts) {
    for (std::size_t i = 0; i < *count; ++i) sum.samples[i] += part->samples[i];
  }
  if (like.cls != MetricClass::stochastic) return sum;
  sum.value = median(sum.samples);
  sum.interval = median_interval(sum.samples).interval;
  return sum;
}

std::vector<Metric> sum_metrics(std::span<const std::vector<Metric>* const> lists,
                                std::span<const std::string> places) {
  std::vector<Metric> sums;
  for (const auto* list : lists) {
    for (const auto& metric : *list) {
      if (!is_additive(metric) || find_metric(sums, metric.id) != nullptr) continue;
      std::vector<const Metric*> parts;
      for (const auto* other : lists) parts.push_back(find_metric(*other, metric.id));
      sums.push_back(sum_metric(parts, places, metric));
    }
  }
  return sums;
}

Attribution attribute(const Workload& workload, const AttributionSpec& spec) {
  std::map<std::string, std::size_t> row_of;
  std::vector<std::string> names;
  std::vector<std::vector<std::string>> components;
  for (const auto& row : spec.rows) {
    for (const auto& component : row.components) {
      if (!row_of.emplace(component, names.size()).second) {
        throw std::invalid_argument("attribution " + spec.name + ": component " + component +
                                    " stands in two rows");
      }
    }
    names.push_back(row.name);
    components.push_back(row.components);
  }
  std::size_t other = 0;
  while (other < names.size() && names[other] != "other") ++other;
  if (other == names.size()) {
    names.emplace_back("other");
    components.emplace_back();
  }

  std::vector<Parts> parts(names.size());
  for (const auto& range : workload.ranges) {
    if (range.component.empty()) continue;
    const auto found = row_of.find(range.component);
    const std::size_t row = found == row_of.end() ? other : found->second;
    if (found == row_of.end()) {
      row_of.emplace(range.component, other);
      components[other].push_back(range.component);
    }
    parts[row].lists.push_back(&range.metrics);
    parts[row].places.push_back(range.id);
  }

  Attribution result;
  result.name = spec.name;
  const Metric* remainder = find_metric(workload.metrics, "time_other");
  for (std::size_t i = 0; i < names.size(); ++i) {
    AttributionRow row{names[i], components[i], sum_metrics(parts[i].lists, parts[i].places)};
    if (i == other && remainder != nullptr) {
      Metric outside = *remainder;
      outside.id = "time";
      const Metric* inside = find_metric(row.metrics, "time");
      if (inside != nullptr) {
        const std::vector<const Metric*> both = {inside, &outside};
        const std::vector<std::string> places = {"ranges of other", "time outside every range"};
        outside = sum_metric(both, places, *inside);
      }
      put(row.metrics, std::move(outside));
    } else if (parts[i].lists.empty()) {
      continue;
    }
    result.rows.push_back(std::move(row));
  }
  add_derived(result.rows);
  return result;
}

}  // namespace ssmprof::reports
