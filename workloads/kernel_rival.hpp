#pragma once

#include <memory>

#include "kernels/bench/rival.hpp"
#include "workloads/execution.hpp"

namespace ssmprof::workloads {

/// The host library's own operations behind the arguments of the native kernels, as a model of its
/// backend calls them: "libtorch". Outputs are new tensors there; they are copied to where the
/// arguments want them unless only the time counts. On `spec`'s device with its threads. Null in a
/// build without LibTorch; throws reports::EnvironmentError when LibTorch cannot use the device.
std::unique_ptr<kernels::bench::Rival> make_library_rival(const ExecutionSpec& spec);

}  // namespace ssmprof::workloads
