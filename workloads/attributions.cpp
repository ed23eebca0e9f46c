#include "workloads/attributions.hpp"

#include <string>

#include "workloads/component.hpp"

namespace ssmprof::workloads {

using reports::AttributionSpec;

namespace {

AttributionSpec native() {
  AttributionSpec spec{"native", {}};
  for (const auto name : kComponentNames) {
    if (name != name_of(Component::other)) {
      spec.rows.push_back({std::string(name), {std::string(name)}});
    }
  }
  return spec;
}

AttributionSpec design() {
  return {"design",
          {{"projection", {"in_proj", "x_proj", "dt_proj", "out_proj"}},
           {"conv", {"conv"}},
           {"ssm", {"scan", "ssd"}},
           {"gating", {"gate", "gated_norm"}}}};
}

AttributionSpec paper() {
  return {"paper",
          {{"RMSNorm", {"norm"}},
           {"Gated MLP", {"in_proj"}},
           {"Conv. Transform", {"conv"}},
           {"State Space", {"x_proj", "dt_proj", "scan", "ssd", "gate", "gated_norm"}},
           {"Final Linear", {"out_proj"}}}};
}

}  // namespace

const std::vector<AttributionSpec>& attributions() {
  static const std::vector<AttributionSpec> all = {native(), design(), paper()};
  return all;
}

}  // namespace ssmprof::workloads
