#include "probes/metric_set.hpp"

#include <algorithm>
#include <optional>
#include <set>

#include "probes/metrics.hpp"
#include "reports/error.hpp"

namespace ssmprof::probes {

namespace {

constexpr std::string_view kSource = "cupti.counters";

reports::Metric define(const std::string& id, const nlohmann::json& json) {
  reports::Metric metric;
  metric.id = id;
  metric.unit = json.at("unit").get<std::string>();
  const auto cls = json.at("class").get<std::string>();
  metric.cls = cls == "deterministic" ? reports::MetricClass::deterministic
               : cls == "stochastic"  ? reports::MetricClass::stochastic
                                      : reports::MetricClass::semi_deterministic;
  metric.source = kSource;
  return metric;
}

/// The alternative in use, or none.
std::optional<std::vector<std::string>> choose(
    const std::vector<std::vector<std::string>>& alternatives,
    const std::function<bool(const std::string&)>& knows) {
  for (const auto& alternative : alternatives) {
    if (std::all_of(alternative.begin(), alternative.end(), knows)) return alternative;
  }
  return {};
}

std::string first_names(const std::vector<std::vector<std::string>>& alternatives) {
  std::string text;
  for (const auto& alternative : alternatives) {
    for (const auto& name : alternative) text += (text.empty() ? "" : ", ") + name;
  }
  return text;
}

const std::vector<std::vector<std::string>>* find_counter(const std::vector<MetricSet>& sets,
                                                          const std::string& name) {
  for (const auto& set : sets) {
    if (const auto found = set.counters.find(name); found != set.counters.end())
      return &found->second;
  }
  return nullptr;
}

}  // namespace

MetricSet parse_metric_set(const std::string& name, const std::string& text) {
  try {
    const auto json = nlohmann::json::parse(text);
    static const std::set<std::string> known = {"summary",    "counters",     "metrics",
                                                "with_dtype", "of_the_whole", "definitions"};
    for (const auto& [key, value] : json.items()) {
      if (known.count(key) == 0) throw std::invalid_argument("unknown key \"" + key + "\"");
    }
    MetricSet set;
    set.name = name;
    json.at("summary").get_to(set.summary);
    json.at("counters").get_to(set.counters);
    json.at("metrics").get_to(set.metrics);
    if (json.contains("with_dtype")) json.at("with_dtype").get_to(set.with_dtype);
    if (json.contains("of_the_whole")) json.at("of_the_whole").get_to(set.of_the_whole);
    for (const auto& id : set.of_the_whole) {
      if (!set.metrics.contains(id)) throw std::invalid_argument("of_the_whole: no metric " + id);
    }
    if (json.contains("definitions")) {
      for (const auto& [id, value] : json.at("definitions").items()) {
        set.defined_here.emplace(id, define(id, value));
      }
    }
    return set;
  } catch (const std::exception& error) {
    throw reports::InputError("metric set " + name + ": " + error.what());
  }
}

std::vector<MetricSet> load_metric_sets(const std::vector<std::string>& names,
                                        std::string_view dtype) {
  const auto& files = embedded_metric_sets();
  std::vector<MetricSet> sets;
  const auto add = [&](const std::string& name) {
    if (std::any_of(sets.begin(), sets.end(), [&](const auto& s) { return s.name == name; }))
      return;
    const auto file = files.find(name);
    if (file == files.end()) {
      std::string known;
      for (const auto& [stem, content] : files) known += (known.empty() ? "" : ", ") + stem;
      throw reports::InputError("unknown metric set \"" + name + "\": use one or more of " + known);
    }
    sets.push_back(parse_metric_set(name, file->second));
  };
  for (const auto& name : names) {
    add(name);
    const auto& along = sets.back().with_dtype;
    const auto more = along.find(std::string(dtype));
    if (more != along.end()) add(std::string(more->second));
  }
  return sets;
}

nlohmann::json metric_set_definitions() {
  nlohmann::json all = nlohmann::json::object();
  for (const auto& [name, content] : embedded_metric_sets()) {
    const auto json = nlohmann::json::parse(content);
    if (!json.contains("definitions")) continue;
    for (auto definition : json.at("definitions").items()) {
      auto& entry = all[definition.key()] = definition.value();
      entry["source"] = kSource;
      entry["additive"] = definition.value().at("unit") != "1";
    }
  }
  return all;
}

std::vector<InRanges> ResolvedSets::in_ranges() const {
  std::vector<InRanges> needs(hardware.size(), InRanges::never);
  for (const auto& metric : metrics) {
    if (metric.of_the_whole) continue;
    const bool operations = metric.blank.cls == reports::MetricClass::deterministic;
    for (const auto& [index, weight] : metric.terms)
      needs[index] = std::max(needs[index], operations ? InRanges::unless_zero : InRanges::always);
  }
  return needs;
}

double ResolvedSets::evaluate(const ResolvedMetric& metric, const std::vector<double>& values) {
  double sum = 0;
  for (const auto& [index, weight] : metric.terms) sum += weight * values[index];
  return sum;
}

ResolvedSets resolve(const std::vector<MetricSet>& sets, const std::string& chip,
                     const std::function<bool(const std::string&)>& knows) {
  ResolvedSets resolved;
  const auto index_of = [&](const std::string& hardware) {
    const auto found = std::find(resolved.hardware.begin(), resolved.hardware.end(), hardware);
    if (found != resolved.hardware.end())
      return static_cast<std::size_t>(found - resolved.hardware.begin());
    resolved.hardware.push_back(hardware);
    return resolved.hardware.size() - 1;
  };
  for (const auto& set : sets) {
    for (const auto& [id, formula] : set.metrics) {
      ResolvedMetric metric;
      const auto own = set.defined_here.find(id);
      metric.of_the_whole =
          std::find(set.of_the_whole.begin(), set.of_the_whole.end(), id) != set.of_the_whole.end();
      metric.blank = own != set.defined_here.end() ? own->second : make_missing(id, kSource, "");
      std::vector<std::pair<std::string, double>> parts;
      for (const auto& [counter, weight] : formula) {
        const auto* alternatives = find_counter(sets, counter);
        if (alternatives == nullptr) {
          metric.reason = "needs the counter \"" + counter + "\" of a set that was not asked for";
          break;
        }
        const auto chosen = choose(*alternatives, knows);
        if (!chosen) {
          metric.reason = chip + " has no " + first_names(*alternatives);
          break;
        }
        for (const auto& hardware : *chosen) parts.emplace_back(hardware, weight);
      }
      if (metric.reason.empty()) {
        for (const auto& [hardware, weight] : parts) {
          metric.terms.emplace_back(index_of(hardware), weight);
          metric.blank.hw_metric += (metric.blank.hw_metric.empty() ? "" : " + ") + hardware;
        }
      }
      resolved.metrics.push_back(std::move(metric));
    }
  }
  return resolved;
}

}  // namespace ssmprof::probes
