#include "probes/activity_map.hpp"

#include <algorithm>
#include <map>
#include <tuple>

namespace ssmprof::probes {

namespace {

using Interval = std::pair<std::uint64_t, std::uint64_t>;

double seconds(std::uint64_t nanoseconds) {
  return static_cast<double>(nanoseconds) / 1e9;
}

/// Kernels of one run, in one range or overall.
struct Bucket {
  std::vector<Interval> intervals;
};

void add_run(RangeActivity& range, Bucket& bucket) {
  const auto launches = bucket.intervals.size();
  const auto cover = coverage(std::move(bucket.intervals));
  range.launches.push_back(launches);
  range.kernel_time.push_back(cover.sum);
  range.kernel_time_union.push_back(cover.covered);
  range.launch_gap.push_back(cover.gap());
}

using KernelKey =
    std::tuple<int, std::array<std::int64_t, 3>, std::array<std::int64_t, 3>, int, std::int64_t>;

struct KernelSum {
  std::size_t launches = 0;
  double time = 0;
};

/// Launches of the same kernel folded together, per run.
std::vector<reports::KernelRecord> fold(const std::map<KernelKey, KernelSum>& sums,
                                        const std::vector<std::string>& names, std::size_t runs) {
  std::vector<reports::KernelRecord> records;
  for (const auto& [key, sum] : sums) {
    reports::KernelRecord record;
    const auto& [name, grid, block, registers, shared] = key;
    record.name = short_kernel_name(name >= 0 ? names[name] : "");
    record.grid = grid;
    record.block = block;
    record.registers = registers;
    record.shared_bytes = shared;
    record.launches = static_cast<std::int64_t>((sum.launches + runs / 2) / runs);
    record.time = sum.time / static_cast<double>(runs);
    records.push_back(std::move(record));
  }
  std::sort(records.begin(), records.end(),
            [](const auto& a, const auto& b) { return a.time > b.time; });
  return records;
}

}  // namespace

Coverage coverage(std::vector<Interval> intervals) {
  Coverage result;
  if (intervals.empty()) return result;
  std::sort(intervals.begin(), intervals.end());
  std::uint64_t sum = 0, covered = 0, reach = intervals.front().first;
  for (const auto& [start, end] : intervals) {
    sum += end - start;
    if (end > reach) {
      covered += end - std::max(start, reach);
      reach = end;
    }
  }
  result.sum = seconds(sum);
  result.covered = seconds(covered);
  result.span = seconds(reach - intervals.front().first);
  return result;
}

ActivityMap map_activities(const ActivityLog& log, const std::vector<workloads::RangeSpec>& ranges,
                           std::size_t runs) {
  ActivityMap map;
  const std::size_t count = ranges.size();
  map.ranges.resize(count);
  std::vector<std::vector<Bucket>> buckets(runs, std::vector<Bucket>(count));
  std::vector<Bucket> whole(runs);
  std::vector<std::map<KernelKey, KernelSum>> kernels(count);

  // Kernels outside every leaf belong to the run whose ranged kernels surround them.
  std::vector<std::uint64_t> run_ends(runs, 0);
  const auto locate = [&](const DeviceActivity& activity) {
    const auto id = log.external.find(activity.correlation);
    return id == log.external.end() || id->second == 0 || id->second > runs * count
               ? std::pair<int, int>{-1, -1}
               : std::pair<int, int>{static_cast<int>((id->second - 1) / count),
                                     static_cast<int>((id->second - 1) % count)};
  };
  for (const auto& activity : log.activities) {
    if (const auto [run, range] = locate(activity); run >= 0) {
      run_ends[run] = std::max(run_ends[run], activity.end);
    }
  }

  for (const auto& activity : log.activities) {
    auto [run, range] = locate(activity);
    if (activity.kind != DeviceActivity::Kind::kernel) {
      if (run < 0) continue;
      auto& target = map.ranges[range];
      ++(activity.kind == DeviceActivity::Kind::copy ? target.copies : target.fills);
      continue;
    }
    if (activity.graph_node != 0) ++map.in_graphs;
    const Interval interval{activity.start, activity.end};
    const double time = seconds(activity.end - activity.start);
    if (run < 0) {
      ++map.missed;
      map.missed_time += time;
      const auto after = std::find_if(run_ends.begin(), run_ends.end(),
                                      [&](std::uint64_t end) { return activity.start < end; });
      if (after == run_ends.end()) {
        ++map.foreign;
      } else {
        whole[after - run_ends.begin()].intervals.push_back(interval);
      }
      continue;
    }
    ++map.found;
    map.found_time += time;
    whole[run].intervals.push_back(interval);
    for (int at = range; at >= 0; at = ranges[at].parent) {
      buckets[run][at].intervals.push_back(interval);
    }
    auto& sum = kernels[range][{activity.name, activity.grid, activity.block, activity.registers,
                                activity.shared_bytes}];
    ++sum.launches;
    sum.time += time;
  }

  for (std::size_t run = 0; run < runs; ++run) {
    for (std::size_t i = 0; i < count; ++i) add_run(map.ranges[i], buckets[run][i]);
    add_run(map.whole, whole[run]);
  }
  for (std::size_t i = 0; i < count; ++i) {
    if (ranges[i].leaf) map.ranges[i].kernels = fold(kernels[i], log.names, runs);
  }
  return map;
}

}  // namespace ssmprof::probes
