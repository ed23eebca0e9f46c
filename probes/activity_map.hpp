#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "reports/report.hpp"
#include "workloads/range.hpp"

namespace ssmprof::probes {

/// One kernel, copy or fill that the device ran. Times in ns of the device's clock.
struct DeviceActivity {
  enum class Kind { kernel, copy, fill };
  Kind kind = Kind::kernel;
  std::uint64_t start = 0, end = 0;
  std::uint32_t correlation = 0;  ///< of the call that launched it
  std::uint64_t graph_node = 0;   ///< not 0: launched as part of a CUDA graph
  int name = -1;                  ///< index into ActivityLog::names
  std::array<std::int64_t, 3> grid{}, block{};
  int registers = 0;
  std::int64_t shared_bytes = 0;
  std::uint64_t bytes = 0;  ///< of a copy or fill
};

/// What was traced while an execution ran `runs` times. The external id of range r in run k is
/// k · ranges + r + 1; 0 stands for none.
struct ActivityLog {
  std::vector<DeviceActivity> activities;
  std::unordered_map<std::uint32_t, std::uint64_t> external;  ///< correlation → external id
  std::vector<std::string> names;                             ///< as recorded, mangled
  std::size_t dropped = 0;                                    ///< records that were lost
};

constexpr std::uint64_t external_id(std::size_t run, std::size_t range, std::size_t ranges) {
  return run * ranges + range + 1;
}

/// Length of the union of [start, end) intervals, and of the whole span.
struct Coverage {
  double sum = 0, covered = 0, span = 0;  ///< s
  double gap() const { return span - covered; }
};
Coverage coverage(std::vector<std::pair<std::uint64_t, std::uint64_t>> intervals);

/// Device time of one range, per run.
struct RangeActivity {
  std::vector<double> kernel_time, kernel_time_union, launch_gap;  ///< s, [run]
  std::vector<std::size_t> launches;                               ///< kernels, [run]
  std::vector<reports::KernelRecord> kernels;  ///< leaves only; per run, most time first
  std::size_t copies = 0, fills = 0;           ///< of all runs
};

struct ActivityMap {
  std::vector<RangeActivity> ranges;  ///< leaves, and groups over the leaves below them
  RangeActivity whole;                ///< every kernel, in a range or not
  std::size_t found = 0, missed = 0;  ///< kernels inside and outside of a leaf
  std::size_t foreign = 0;            ///< kernels that no run can be told of
  std::size_t in_graphs = 0;
  double found_time = 0, missed_time = 0;  ///< s, all runs
};

/// Maps every kernel to the leaf in which it was launched: the binding is made at the launch, so
/// that asynchronous and overlapping execution cannot break it. Occupancy of the kernel records is
/// left 0.
ActivityMap map_activities(const ActivityLog& log, const std::vector<workloads::RangeSpec>& ranges,
                           std::size_t runs);

/// Demangled, without return type, parameters, anonymous namespaces and the inside of template
/// arguments beyond `length` characters.
std::string short_kernel_name(const std::string& mangled, std::size_t length = 96);

}  // namespace ssmprof::probes
