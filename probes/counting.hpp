#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "probes/metric_set.hpp"
#include "workloads/execution.hpp"

namespace ssmprof::probes {

/// One profiling session: flat ranges, replayed by the user. The seam behind which CUPTI stands.
class CounterSession {
 public:
  virtual ~CounterSession() = default;
  virtual void start() = 0;  ///< a pass begins
  virtual bool stop() = 0;   ///< a pass ends; true when it was the last one needed
  virtual void push(const char* name) = 0;
  virtual void pop() = 0;

  /// After the last pass: range name → values in the order of the counters.
  virtual std::map<std::string, std::vector<double>> results() = 0;
};

/// A device whose counters can be read.
class CounterDevice {
 public:
  virtual ~CounterDevice() = default;
  virtual std::string chip() const = 0;
  virtual bool knows(const std::string& hardware_metric) const = 0;
  virtual std::size_t passes(const std::vector<std::string>& hardware) = 0;

  /// How many ranges one session can hold.
  virtual std::size_t max_ranges(const std::vector<std::string>& hardware) const = 0;
  /// One session at a time. Fastest when it collects what the last one did, in no more ranges.
  virtual std::unique_ptr<CounterSession> open(const std::vector<std::string>& hardware,
                                               std::size_t ranges) = 0;
};

/// Counter values per range of the execution; empty where the range was not opened.
struct Counted {
  std::vector<std::vector<double>> ranges;   ///< [range][hardware metric]
  std::vector<double> whole;                 ///< of one range around the forward
  std::size_t passes = 0, range_passes = 0;  ///< of the whole, of each range
  std::size_t range_hardware = 0;            ///< hardware metrics counted in ranges
  std::size_t sessions = 0, runs = 0;
  double opening = 0, running = 0, decoding = 0;  ///< s, of all sessions
  std::vector<std::string> problems;              ///< one line each
};

/// What comes first in each pass. It finds in the L2 either no writes or those of others, and what
/// the counted run leaves there is not counted: with an uncounted run before it, that which this
/// one has left stands in its place. It matters where the L2 holds a part of what is written.
enum class Before { nothing, uncounted_run };

/// Counts everything as one range, then the chosen leaves (indices into execution.ranges()), one
/// user range each, in as many sessions as they need. `in_ranges`: for each of `hardware`; what is
/// not counted in ranges is zero there (fewer hardware metrics may need fewer passes, and a pass
/// halts the GPU at every range). A leaf that is entered more than once in a run is the
/// sum. Runs the same ranges without counting first. Stops early, with a problem, when
/// `interrupted` answers true (it may be null).
Counted count_ranges(workloads::Execution& execution, const std::vector<int>& leaves,
                     const std::vector<std::string>& hardware,
                     const std::vector<InRanges>& in_ranges, Before before, CounterDevice& device,
                     bool (*interrupted)());

}  // namespace ssmprof::probes
