#include "probes/registry.hpp"

#include <algorithm>
#include <tuple>

#include "reports/error.hpp"

namespace ssmprof::probes {

std::vector<std::unique_ptr<Probe>> ordered_probes() {
  auto all = make_probes();
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) {
    return std::tuple(a->phase(), a->name()) < std::tuple(b->phase(), b->name());
  });
  return all;
}

std::vector<std::unique_ptr<Probe>> select_probes(const std::vector<std::string>& names) {
  auto all = ordered_probes();
  for (const auto& name : names) {
    if (std::any_of(all.begin(), all.end(), [&](const auto& p) { return p->name() == name; }))
      continue;
    std::string known;
    for (const auto& probe : all) known += (known.empty() ? "" : ", ") + std::string(probe->name());
    throw reports::InputError("unknown probe \"" + name + "\": use one or more of " + known);
  }
  std::erase_if(all, [&](const auto& probe) {
    return std::find(names.begin(), names.end(), probe->name()) == names.end();
  });
  return all;
}

}  // namespace ssmprof::probes
