#include "harness/prune_study.hpp"

#include <cmath>
#include <limits>
#include <map>
#include <sstream>

#include "harness/logits.hpp"
#include "harness/roofline.hpp"

namespace ssmprof::harness {
namespace {

constexpr const char* kComponentPrefix = "component:";

using Floors = std::map<std::string, double>;  // entry range → seconds

Floors floors_of(const std::vector<workloads::RangeSpec>& ranges,
                 const workloads::Ceilings& ceilings) {
  Floors floors;
  for (const auto& range : ranges) {
    if (!range.leaf) continue;
    const auto floor = floor_time(range.cost, ceilings);
    if (!floor) return {};
    floors[""] += *floor;
    floors[range.id] += *floor;
    floors[kComponentPrefix + std::string(name_of(range.component))] += *floor;
    for (int parent = range.parent; parent >= 0; parent = ranges.at(parent).parent) {
      floors[ranges.at(parent).id] += *floor;
    }
  }
  return floors;
}

reports::Metric loss_metric(const char* id, const char* unit, double value) {
  reports::Metric metric;
  metric.id = id;
  metric.unit = unit;
  metric.cls = reports::MetricClass::semi_deterministic;
  metric.source = "logits";
  if (std::isfinite(value)) {
    metric.value = value;
  } else {
    metric.reason = "the logits are not finite";
  }
  return metric;
}

}  // namespace

std::string study_label(const std::string& score, double ratio) {
  std::ostringstream text;
  text << score << "-r" << ratio;
  return text.str();
}

nlohmann::json describe_plan(const workloads::PrunePlan& plan, const std::string& score,
                             std::uint64_t seed, const std::string& calibration) {
  auto layers = nlohmann::json::array();
  for (const auto& layer : plan.layers) {
    layers.push_back({{"n_dense", layer.dense},
                      {"n_requested", layer.requested},
                      {"n_effective", layer.effective},
                      {"ties_at_cut", layer.ties}});
  }
  return {
      {"score", score},
      {"ratio", plan.ratio},
      {"align", plan.align},
      {"seed", seed},
      {"calibration", calibration.empty() ? nlohmann::json(nullptr) : nlohmann::json(calibration)},
      {"layers", std::move(layers)}};
}

std::vector<reports::Metric> logit_loss(const workloads::LogitsTable& candidate,
                                        const workloads::LogitsTable& dense) {
  return {loss_metric("logit_error", "1", relative_error(candidate, dense)),
          loss_metric("logit_kl", "nat", mean_kl(candidate, dense))};
}

void set_bounds(reports::Comparison& comparison, const std::vector<workloads::RangeSpec>& dense,
                const std::vector<workloads::RangeSpec>& candidate,
                const workloads::Ceilings& ceilings) {
  const Floors before = floors_of(dense, ceilings);
  const Floors after = floors_of(candidate, ceilings);
  for (auto& entry : comparison.entries) {
    if (entry.metric != "time") continue;
    const auto b = before.find(entry.range);
    const auto a = after.find(entry.range);
    if (b == before.end() || a == after.end() || b->second <= 0) continue;
    entry.floor_ratio = a->second / b->second;
  }
}

}  // namespace ssmprof::harness
