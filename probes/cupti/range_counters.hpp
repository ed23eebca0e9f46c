#pragma once

#include <memory>

#include "probes/counting.hpp"
#include "probes/probe.hpp"

namespace ssmprof::probes::cupti {

/// The counters of a CUDA device through CUPTI's range profiler. Throws
/// reports::EnvironmentError with what CUPTI answered and what to do.
std::unique_ptr<CounterDevice> open_counter_device(int device_index);

/// Whether open_counter_device and a session would succeed: device, driver, permission, other
/// tools. Opens and closes an empty session.
Availability counters_available(int device_index);

}  // namespace ssmprof::probes::cupti
