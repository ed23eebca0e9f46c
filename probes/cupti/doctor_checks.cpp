#include "probes/cupti/doctor_checks.hpp"

#include <algorithm>

#include "probes/cupti/library.hpp"
#include "probes/cupti/range_counters.hpp"
#include "probes/gpu.hpp"
#include "probes/metric_set.hpp"
#include "reports/error.hpp"

namespace ssmprof::probes::cupti {

namespace {

void check_library(std::vector<Check>& checks) {
  const auto library = loaded_library();
  const bool works = library.version != 0;
  const bool torch = library.path.find("site-packages") != std::string::npos;
  checks.push_back({"CUPTI library", works ? Check::ok : Check::missing,
                    library.path + (torch ? " (from a Python package)" : " (the toolkit's)") +
                        ", version " + std::to_string(library.version),
                    works ? "" : "install the CUDA toolkit's CUPTI"});
}

void check_subscription(std::vector<Check>& checks) {
  const auto subscription = probe_subscription();
  const bool no_driver = !subscription.free && cuda_driver_version() == 0;
  checks.push_back({"tracing", subscription.free ? Check::ok : Check::missing,
                    subscription.free ? "CUPTI is free: kernels can be traced"
                    : no_driver       ? "no NVIDIA driver"
                                      : subscription.finding,
                    subscription.hint});
}

/// Which sets this chip cannot count, or only in part.
void check_metric_sets(const CounterDevice& device, std::vector<Check>& checks) {
  std::string partial;
  std::size_t whole = 0;
  for (const auto& [name, content] : embedded_metric_sets()) {
    std::vector<MetricSet> sets{parse_metric_set(name, content)};
    for (const auto& [dtype, along] : sets.front().with_dtype) {
      sets.push_back(parse_metric_set(along, embedded_metric_sets().at(along)));
      break;
    }
    const auto resolved = resolve(sets, device.chip(),
                                  [&](const std::string& metric) { return device.knows(metric); });
    const bool complete = std::all_of(resolved.metrics.begin(), resolved.metrics.end(),
                                      [](const auto& metric) { return metric.reason.empty(); });
    if (complete) {
      ++whole;
    } else {
      partial += (partial.empty() ? "" : ", ") + name;
    }
  }
  checks.push_back({"metric sets", partial.empty() ? Check::ok : Check::warning,
                    std::to_string(whole) + " resolve on " + device.chip() +
                        (partial.empty() ? "" : "; incomplete: " + partial),
                    ""});
}

void check_counters(std::vector<Check>& checks) {
  const auto available = counters_available(0);
  checks.push_back({"counters", available.ok ? Check::ok : Check::missing,
                    available.ok ? "the GPU's counters can be read" : available.reason,
                    available.hint});
  if (!available.ok) return;
  try {
    check_metric_sets(*open_counter_device(0), checks);
  } catch (const reports::Error& error) {
    checks.push_back({"metric sets", Check::missing, error.what(), ""});
  }
}

}  // namespace

std::vector<Check> doctor_checks() {
  std::vector<Check> checks;
  check_library(checks);
  check_subscription(checks);
  check_counters(checks);
  return checks;
}

}  // namespace ssmprof::probes::cupti
