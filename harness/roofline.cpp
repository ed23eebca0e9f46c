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

/// The row of the native attribution; null when there is none.
const reports::AttributionRow* native_row(const reports::Workload& workload,
                                          const std::string& name) {
  for (const auto& attribution : workload.attributions) {
    if (attribution.name != "native") continue;
    for (const auto& row : attribution.rows) {
      if (row.name == name) return &row;
    }
  }
  return nullptr;
}

std::optional<double> value_of(const std::vector<reports::Metric>& metrics, const char* id) {
  const auto* metric = reports::find_metric(metrics, id);
  return metric != nullptr ? metric->value : std::nullopt;
}

nlohmann::json ceilings_json(const reports::Workload& workload,
                             const workloads::Ceilings& measured) {
  const auto rate = [](double value, const char* unit, const char* source) {
    return nlohmann::json{{"value", value}, {"unit", unit}, {"source", source}};
  };
  nlohmann::json json = {
      {"copy", rate(measured.copy_bytes_per_second, "B/s", "large copy, bytes read and written")},
      {"read", rate(measured.read_bytes_per_second, "B/s", "sum over a large array")},
      {"write", rate(measured.write_bytes_per_second, "B/s", "fill of a large array")},
      {"gemm", rate(measured.gemm_flops_per_second, "FLOP/s", "large square matrix product")}};
  for (const char* id : {"peak_dram", "peak_l2", "peak_fp32", "peak_tensor", "peak_transcendentals",
                         "peak_instructions"}) {
    const auto* peak = reports::find_metric(workload.metrics, id);
    if (peak != nullptr && peak->value) {
      json[id] = rate(*peak->value, peak->unit.c_str(), peak->source.c_str());
    }
  }
  return json;
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

std::map<std::string, double> limits(const std::vector<reports::Metric>& row,
                                     const std::vector<reports::Metric>& whole,
                                     const workloads::Ceilings& ceilings) {
  std::map<std::string, double> seconds;
  const auto add = [&](const char* name, std::optional<double> work, std::optional<double> rate) {
    if (work && rate && *rate > 0) seconds[name] = *work / *rate;
  };
  const auto read = value_of(row, "dram_read"), written = value_of(row, "dram_write");
  const auto moved = read && written ? std::optional(*read + *written) : value_of(row, "bytes_min");
  add("dram", moved, ceilings.copy_bytes_per_second);
  const auto issued = value_of(row, "flops_issued"), tensor = value_of(row, "flops_tensor");
  const auto peak_fp32 = value_of(whole, "peak_fp32");
  if (issued && tensor && peak_fp32) {
    add("tensor", tensor, ceilings.gemm_flops_per_second);
    add("fp32", *issued - *tensor, peak_fp32);
  } else {
    add("compute", value_of(row, "flops"), ceilings.gemm_flops_per_second);
  }
  add("mufu", value_of(row, "transcendentals_issued"), value_of(whole, "peak_transcendentals"));
  add("issue", value_of(row, "instructions_issued"), value_of(whole, "peak_instructions"));
  return seconds;
}

Binding binding(const std::map<std::string, double>& limits, std::optional<double> time,
                std::optional<double> kernel_time) {
  constexpr double kBinds = 0.5;
  Binding result;
  const auto most =
      std::max_element(limits.begin(), limits.end(),
                       [](const auto& a, const auto& b) { return a.second < b.second; });
  const auto spent = kernel_time ? kernel_time : time;
  if (most == limits.end() || !spent || *spent <= 0) {
    result.reason = "nothing to compare was measured";
    return result;
  }
  result.share = most->second / *spent;
  if (*result.share > 1) {
    result.reason = most->first +
                    " was faster than its ceiling: the data stayed in caches, or the "
                    "ceiling's own measurement is not the best case";
  } else if (kernel_time && time && *kernel_time < kBinds * *time) {
    result.limit = "launch";
  } else {
    result.limit = *result.share >= kBinds ? most->first : "latency";
  }
  return result;
}

nlohmann::json roofline(const reports::Workload& workload,
                        const std::vector<workloads::RangeSpec>& ranges,
                        const workloads::Ceilings& ceilings) {
  if (!complete(ceilings)) return nullptr;
  struct Sum {
    kernels::Cost cost;
    double floor = 0;
  };
  std::map<std::string, Sum> sums;
  for (const auto& range : ranges) {
    if (!range.leaf) continue;
    Sum& sum = sums[std::string(name_of(range.component))];
    sum.cost += range.cost;
    sum.floor += *floor_time(range.cost, ceilings);
  }
  auto points = nlohmann::json::array();
  for (const auto& [name, sum] : sums) {
    nlohmann::json point = {{"component", name},         {"floor", sum.floor},
                            {"binds", nullptr},          {"share_of_limit", nullptr},
                            {"intensity", nullptr},      {"time_over_floor", nullptr},
                            {"intensity_dram", nullptr}, {"limits", nlohmann::json::object()}};
    if (sum.cost.bytes() > 0) {
      point["intensity"] =
          static_cast<double>(sum.cost.flops) / static_cast<double>(sum.cost.bytes());
    }
    if (const auto* row = native_row(workload, name)) {
      const auto seconds = limits(row->metrics, workload.metrics, ceilings);
      const auto time = value_of(row->metrics, "time");
      const auto bound = binding(seconds, time, value_of(row->metrics, "kernel_time"));
      if (bound.limit) point["binds"] = *bound.limit;
      if (bound.share) point["share_of_limit"] = *bound.share;
      if (!bound.reason.empty()) point["reason"] = bound.reason;
      point["limits"] = seconds;
      if (time && sum.floor > 0) point["time_over_floor"] = *time / sum.floor;
      const auto read = value_of(row->metrics, "dram_read");
      const auto written = value_of(row->metrics, "dram_write");
      const auto issued = value_of(row->metrics, "flops_issued");
      if (read && written && issued && *read + *written > 0) {
        point["intensity_dram"] = *issued / (*read + *written);
      }
    }
    points.push_back(std::move(point));
  }
  return {{"ceilings", ceilings_json(workload, ceilings)},
          {"floor", *floor_time(ranges, ceilings)},
          {"points", std::move(points)}};
}

}  // namespace ssmprof::harness
