#pragma once

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "probes/activity_map.hpp"
#include "probes/probe.hpp"

namespace ssmprof::probes::cupti {

/// Calls that launched work while a range was open: correlation, external id.
using Launches = std::vector<std::pair<std::uint32_t, std::uint64_t>>;

/// Traces kernels, copies and fills of this process with the ranges in which they were launched.
/// One at a time. Throws reports::EnvironmentError when CUPTI refuses.
class Tracer {
 public:
  Tracer();   ///< switches the tracing on
  ~Tracer();  ///< and off
  Tracer(const Tracer&) = delete;
  Tracer& operator=(const Tracer&) = delete;

  /// Until leave(), launches of this thread belong to the external id. Ranges do not nest.
  void enter(std::uint64_t external_id);
  void leave();

  /// All records since the last call. All work must have been waited for.
  ActivityLog collect();

 private:
  class Subscriber;
  Launches launches_;
  std::unique_ptr<Subscriber> subscriber_;
};

/// Whether another tool in this process holds CUPTI, or there is no device.
Availability activity_available(int device_index);

}  // namespace ssmprof::probes::cupti
