#pragma once

#include <cstddef>
#include <memory>

#include "probes/activity_map.hpp"
#include "probes/probe.hpp"

namespace ssmprof::probes::cupti {

/// Traces kernels, copies and fills of this process with the ranges in which they were launched.
/// One at a time. Throws reports::EnvironmentError when CUPTI refuses.
class Tracer {
 public:
  Tracer();   ///< switches the tracing on
  ~Tracer();  ///< and off
  Tracer(const Tracer&) = delete;
  Tracer& operator=(const Tracer&) = delete;

  /// From here on, launches of this thread belong to the external id.
  void push(std::uint64_t external_id);
  void pop();

  /// All records since the last call. All work must have been waited for.
  ActivityLog collect();
};

/// Whether another tool in this process holds CUPTI, or there is no device.
Availability activity_available(int device_index);

}  // namespace ssmprof::probes::cupti
