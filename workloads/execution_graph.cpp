#include "reports/error.hpp"
#include "workloads/execution.hpp"

namespace ssmprof::workloads {

void Execution::capture_graph() {
  throw reports::EnvironmentError("this run cannot be captured: CUDA graphs need a CUDA device");
}

void Execution::replay_graph() {
  capture_graph();
}

}  // namespace ssmprof::workloads
