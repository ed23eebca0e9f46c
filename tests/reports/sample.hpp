#pragma once

#include <string>

#include "reports/attribution.hpp"
#include "reports/comparison.hpp"
#include "reports/definitions.hpp"
#include "reports/report.hpp"
#include "reports/statistics.hpp"

// Small reports with fixed numbers for the tests of this folder.
namespace sample {

using namespace ssmprof::reports;

inline Metric exact(const std::string& id, double value, const std::string& unit) {
  Metric m = missing(id, unit, MetricClass::deterministic, "formula", "");
  m.value = value;
  return m;
}

/// Ten samples around `center` with a spread of about one percent.
inline Metric timed(const std::string& id, double center, double scale = 1) {
  Metric m = missing(id, "s", MetricClass::stochastic, "clock", "");
  for (int i = 0; i < 10; ++i) m.samples.push_back(scale * center * (1 + 0.001 * ((i * 7) % 10)));
  m.value = median(m.samples);
  m.interval = median_interval(m.samples).interval;
  return m;
}

inline Range leaf(const std::string& id, const std::string& component, int layer, int parent,
                  double time, double flops, double bytes, double scale) {
  Range r;
  r.id = id;
  r.component = component;
  r.layer = layer;
  r.parent = parent;
  r.shape = {8, 64, 16};
  r.metrics = {timed("time", time, scale), exact("flops", flops, "FLOP"),
               exact("bytes_min", bytes, "B"),
               missing("dram_read", "B", MetricClass::semi_deterministic, "cupti.counters",
                       "no permission to read GPU counters (RmProfilingAdminOnly=1)")};
  return r;
}

inline AttributionSpec native_spec() {
  return {"native",
          {{"norm", {"norm"}},
           {"in_proj", {"in_proj"}},
           {"conv", {"conv"}},
           {"ssd", {"ssd"}},
           {"gate", {"gate"}},
           {"gated_norm", {"gated_norm"}},
           {"out_proj", {"out_proj"}},
           {"head", {"head"}}}};
}

inline void attribute_all(Workload& w) {
  w.attributions = {attribute(w, native_spec()),
                    attribute(w, {"design",
                                  {{"projection", {"in_proj", "out_proj"}},
                                   {"conv", {"conv"}},
                                   {"ssm", {"ssd"}},
                                   {"gating", {"gate", "gated_norm"}}}}),
                    attribute(w, {"paper",
                                  {{"RMSNorm", {"norm"}},
                                   {"Gated MLP", {"in_proj"}},
                                   {"Conv. Transform", {"conv"}},
                                   {"State Space", {"ssd", "gate", "gated_norm"}},
                                   {"Final Linear", {"out_proj"}}}})};
}

/// A workload of two layers; `scale` multiplies every time.
inline Workload workload(double scale = 1) {
  Workload w;
  w.id = "mamba2-tiny/prefill/b8/l64/fp32/native";
  w.settings = {{"model", "mamba2-tiny"}, {"device", "cpu"},      {"batch", 8},
                {"weights_hash", "abc"},  {"config_hash", "def"}, {"variant", "dense"}};
  Range root;
  root.id = "forward";
  w.ranges.push_back(root);
  for (int layer = 0; layer < 2; ++layer) {
    const std::string at = "layer.0" + std::to_string(layer);
    Range group;
    group.id = at;
    group.parent = 0;
    group.layer = layer;
    const int parent = static_cast<int>(w.ranges.size());
    w.ranges.push_back(group);
    w.ranges.push_back(leaf(at + "/norm", "norm", layer, parent, 1e-4, 1e5, 2e5, scale));
    w.ranges.push_back(leaf(at + "/in_proj", "in_proj", layer, parent, 4e-3, 4e8, 5e6, scale));
    w.ranges.push_back(leaf(at + "/conv", "conv", layer, parent, 3e-4, 3e6, 1e6, scale));
    w.ranges.push_back(leaf(at + "/ssd", "ssd", layer, parent, 2e-3, 1e8, 3e6, scale));
    w.ranges.push_back(leaf(at + "/gate", "gate", layer, parent, 1e-4, 1e5, 3e5, scale));
    w.ranges.push_back(leaf(at + "/out_proj", "out_proj", layer, parent, 2e-3, 2e8, 2e6, scale));
  }
  w.ranges.push_back(leaf("head", "head", -1, 0, 5e-4, 5e7, 1e6, scale));
  Metric rate = missing("tokens_per_second", "1/s", MetricClass::stochastic, "derived", "");
  w.metrics = {timed("time", 0.01751, scale),
               timed("time_other", 1e-5, scale),
               timed("ttft", 0.0176, scale),
               missing("tpot", "s", MetricClass::stochastic, "clock", "prefill has no steps"),
               exact("flops", 1456.4e6, "FLOP"),
               exact("memory_weights", 12345678, "B"),
               exact("memory_state", 262144, "B"),
               exact("memory_activations_peak", 5.5e6, "B")};
  rate.value = 512 / *w.metrics[0].value;
  w.metrics.push_back(rate);
  KernelRecord kernel;
  kernel.name = "void ssd<float, 64>(Arguments)";
  kernel.grid = {24, 8, 1};
  kernel.block = {128, 1, 1};
  kernel.registers = 96;
  kernel.shared_bytes = 49152;
  kernel.occupancy = 0.3125;
  kernel.launches = 1;
  kernel.time = 0.00195;
  w.ranges[5].kernels = {kernel};
  w.diagnostics = {{"probe.unavailable", Diagnostic::Level::warning,
                    "hardware counters were not read: no permission",
                    "see docs/gpu_permissions.md"}};
  attribute_all(w);
  return w;
}

inline Report run(double scale = 1) {
  Report r;
  r.tool = {{"name", "ssmprof"}, {"version", "0.1.0"}};
  r.invocation = {{"command", "ssmprof profile --model mamba2-tiny"},
                  {"started", "2026-01-02T03:04:05Z"}};
  r.environment = {{"cpu", {{"model", "Test CPU"}, {"cores", 2}, {"isa", "avx2"}}},
                   {"gpu", nullptr},
                   {"threads", 2},
                   {"libraries", {{"libtorch", "2.11.0"}}},
                   {"flags", {{"tf32", false}}}};
  r.definitions = metric_definitions();
  r.workloads = {workload(scale)};
  return r;
}

/// A pruned variant against the dense one, as measured in pairs.
inline Report paired() {
  Report r = run();
  const Workload dense = workload();
  Workload pruned = workload();
  pruned.id += "/magnitude-r0.5-physical";
  for (auto& range : pruned.ranges) {
    if (range.component != "ssd") continue;
    range.metrics[0] = timed("time", 1.2e-3);
    range.metrics[1] = exact("flops", 5e7, "FLOP");
    range.metrics[2] = exact("bytes_min", 2e6, "B");
  }
  pruned.metrics[0] = timed("time", 0.01591);
  pruned.metrics[4] = exact("flops", 1356.4e6, "FLOP");
  attribute_all(pruned);
  r.kind = Report::Kind::comparison;
  r.comparisons = {compare_workloads(dense, pruned, default_policy(), true)};
  r.comparisons[0].settings["score"] = "magnitude";
  r.comparisons[0].settings["ratio"] = 0.5;
  for (auto& e : r.comparisons[0].entries) {
    if (e.range.empty() && e.metric == "time") e.floor_ratio = 0.9;
  }
  return r;
}

}  // namespace sample
