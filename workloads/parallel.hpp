#pragma once

#include <cstdint>
#include <functional>

namespace ssmprof::workloads {

/// Calls task(i) for every i in [0, count) from as many threads as the process may use. An
/// exception of a task is rethrown here after all threads have stopped.
void parallel_for(std::int64_t count, const std::function<void(std::int64_t)>& task);

}  // namespace ssmprof::workloads
