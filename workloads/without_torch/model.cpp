#include "reports/error.hpp"
#include "workloads/ceilings.hpp"
#include "workloads/execution.hpp"

namespace ssmprof::workloads {

std::unique_ptr<Model> make_model(std::shared_ptr<const Checkpoint>, const ExecutionSpec&) {
  throw reports::EnvironmentError(
      "this ssmprof was built without LibTorch and cannot run models: "
      "configure with -DSSMPROF_TORCH=ON");
}

std::map<std::string, std::string> host_library_versions() { return {}; }

Ceilings measure_ceilings(const ExecutionSpec&) { return {}; }

}  // namespace ssmprof::workloads
