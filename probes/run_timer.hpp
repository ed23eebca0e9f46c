#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "workloads/execution.hpp"

namespace ssmprof::probes {

/// Times single runs of one execution. Every call returns with all submitted work finished.
class RunTimer {
 public:
  virtual ~RunTimer() = default;

  /// "clock" or "cuda_event".
  virtual std::string_view source() const = 0;

  /// One run without an observer, s.
  virtual double run_plain() = 0;

  /// One run with its leaves timed: s per range into `ranges` (groups stay 0); the whole returned.
  virtual double run_instrumented(std::vector<double>& ranges) = 0;

  /// From the submission to the next tokens on the host, by the host's clock, s.
  double run_to_token();

  /// Overwrites the last-level cache of the device that runs; nothing on the CPU.
  virtual void flush_cache() {}

 protected:
  explicit RunTimer(workloads::Execution& execution) : execution_(execution) {}
  workloads::Execution& execution_;
};

/// A clock on the CPU, events on the execution's stream on CUDA.
/// Throws reports::EnvironmentError for a CUDA execution when built without CUDA.
std::unique_ptr<RunTimer> make_run_timer(workloads::Execution& execution);

/// Defined in event_timer.cpp.
std::unique_ptr<RunTimer> make_event_timer(workloads::Execution& execution);

}  // namespace ssmprof::probes
