#pragma once

#include <cstdint>
#include <omp.h>

namespace ssmprof::kernels {

/// The threads that a request means: 0 = all that the process may use.
inline int thread_count(int requested) {
  return requested > 0 ? requested : omp_get_max_threads();
}

/// Runs body(task, thread) for every task in [0, tasks) on `threads` threads; `thread` is in
/// [0, threads). Bodies must not throw and must write to places of their own, so that the result
/// does not depend on the number of threads. One thread runs in the caller, without OpenMP.
template <typename Body>
void parallel_for(std::int64_t tasks, int threads, const Body& body) {
  if (threads <= 1 || tasks <= 1) {
    for (std::int64_t task = 0; task < tasks; ++task) body(task, 0);
    return;
  }
#pragma omp parallel for num_threads(threads) schedule(dynamic, 1)
  for (std::int64_t task = 0; task < tasks; ++task) body(task, omp_get_thread_num());
}

}  // namespace ssmprof::kernels
