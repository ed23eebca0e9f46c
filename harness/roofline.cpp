#include "harness/roofline.hpp"

#include <algorithm>
#include <map>
#include <string>

#include "reports/attribution.hpp"

namespace ssmprof::harness {
namespace {

bool complete(const workloads::Ceilings& c) {
  return c.copy_bytes_per_second > 0 && c.gemm_flops_per_second > 0;
}

std::optional<double> measured_time(const reports::Workload& workload, const std::string& row) {
  for (const auto& attribution : workload.attributions) {
    if (attribution.name != "native") continue;
    for (const auto& candidate : attribution.rows) {
      if (candidate.name != row) continue;
      if (const auto* time = reports::find_metric(candidate.metrics, "time")) return time->value;
    }
  }
  return std::nullopt;
}

}  // namespace

std::optional<double> floor_time(const kernels::Cost& cost, const workloads::Ceilings& ceilings) {
  if (!complete(ceilings)) return std::nullopt;
  return std::max(static_cast<double>(cost.flops) / ceilings.gemm_flops_per_second,
                  static_cast<double>(cost.bytes()) / ceilings.copy_bytes_per_second);
}

std::optional<double> floor_time(const std::vector<workloads::RangeSpec>& ranges,
                                 const workloads::Ceilings& ceilings) {
  if (!complete(ceilings)) return std::nullopt;
  double total = 0;
  for (const auto& range : ranges) {
    if (range.leaf) total += *floor_time(range.cost, ceilings);
  }
  return total;
}

nlohmann::json roofline(const reports::Workload& workload,
                        const std::vector<workloads::RangeSpec>& ranges,
                        const workloads::Ceilings& ceilings) {
  if (!complete(ceilings)) return nullptr;
  struct Sum {
    kernels::Cost cost;
    double floor = 0, memory = 0, compute = 0;
  };
  std::map<std::string, Sum> sums;
  for (const auto& range : ranges) {
    if (!range.leaf) continue;
    Sum& sum = sums[std::string(name_of(range.component))];
    sum.cost += range.cost;
    sum.floor += *floor_time(range.cost, ceilings);
    sum.memory += static_cast<double>(range.cost.bytes()) / ceilings.copy_bytes_per_second;
    sum.compute += static_cast<double>(range.cost.flops) / ceilings.gemm_flops_per_second;
  }
  auto points = nlohmann::json::array();
  for (const auto& [name, sum] : sums) {
    nlohmann::json point = {{"component", name},
                            {"floor", sum.floor},
                            {"binds", sum.memory >= sum.compute ? "memory" : "compute"},
                            {"intensity", nullptr},
                            {"time_over_floor", nullptr}};
    if (sum.cost.bytes() > 0) {
      point["intensity"] =
          static_cast<double>(sum.cost.flops) / static_cast<double>(sum.cost.bytes());
    }
    if (const auto time = measured_time(workload, name); time && sum.floor > 0) {
      point["time_over_floor"] = *time / sum.floor;
    }
    points.push_back(std::move(point));
  }
  return {{"ceilings",
           {{"copy_bytes_per_second", ceilings.copy_bytes_per_second},
            {"gemm_flops_per_second", ceilings.gemm_flops_per_second}}},
          {"floor", *floor_time(ranges, ceilings)},
          {"points", std::move(points)}};
}

}  // namespace ssmprof::harness
