#include "harness/run_options.hpp"

#include <algorithm>
#include <cmath>
#include <iomanip>
#include <sstream>

#include "harness/interrupt.hpp"
#include "harness/names.hpp"
#include "harness/sweep.hpp"
#include "probes/metric_set.hpp"
#include "probes/registry.hpp"
#include "reports/error.hpp"

namespace ssmprof::harness {

using workloads::ExecutionSpec;
using workloads::Logits;
using workloads::Mode;

namespace {

constexpr int kMaxSamples = 100;

}  // namespace

void RunOptions::declare(CLI::App& app) {
  app.add_option("--mode", mode, "prefill, decode or both")->capture_default_str();
  app.add_option("--batch", batch, "Batch sizes: 1,8 or 1:64:x2")->capture_default_str();
  app.add_option("--seqlen", seqlen, "Lengths: 512 or 64:16384:x2; in decode, of the prompt")
      ->capture_default_str();
  app.add_option("--fusion", fusion, "off: every component its own range; on: fused kernels")
      ->capture_default_str();
  app.add_option("--logits", logits, "Positions the head computes: last or all")
      ->capture_default_str();
  app.add_option("--probes", probe_names,
                 "Probes to use, see 'ssmprof list' (default: all but graph, in prune also but "
                 "counters)");
  app.add_option("--metric-sets", metric_sets,
                 "Hardware counters to read: traffic, flops, transcendental, peaks, occupancy, "
                 "pipes, stalls")
      ->capture_default_str();
  app.add_flag("--graph", graph, "Time the step replayed as one CUDA graph too (GPU)");
  app.add_option("--warmup", warmup, "Seconds of warm-up per workload")->capture_default_str();
  app.add_option("--enough-seconds", enough_seconds,
                 "Seconds of timing per workload after which --min-samples are enough")
      ->capture_default_str();
  app.add_option("--max-seconds", max_seconds, "Most seconds of timing per workload")
      ->capture_default_str();
  app.add_option("--min-samples", min_samples, "Fewest timed samples")->capture_default_str();
  app.add_option("--max-samples", max_samples, "Most timed samples; never below --min-samples")
      ->default_str(std::to_string(kMaxSamples));
  app.add_option("-o,--output", output, "Write the report as JSON")->type_name("FILE");
  app.add_flag("-q,--quiet", quiet, "No tables and no progress");
}

std::vector<ExecutionSpec> RunOptions::expand(const ExecutionSpec& base) const {
  ExecutionSpec spec = base;
  spec.fusion = parse_name<bool>("--fusion", fusion, {{"off", false}, {"on", true}});
  spec.logits =
      parse_name<Logits>("--logits", logits, {{"last", Logits::last}, {"all", Logits::all}});
  const auto batches = parse_sweep("--batch", batch);
  const auto lengths = parse_sweep("--seqlen", seqlen);
  std::vector<ExecutionSpec> specs;
  for (const auto& name : parse_names("--mode", mode)) {
    spec.mode =
        parse_name<Mode>("--mode", name, {{"prefill", Mode::prefill}, {"decode", Mode::decode}});
    for (const auto b : batches) {
      for (const auto l : lengths) {
        spec.batch = b;
        spec.length = l;
        specs.push_back(spec);
      }
    }
  }
  return specs;
}

std::vector<std::unique_ptr<probes::Probe>> RunOptions::probes() const {
  std::vector<std::string> names;
  if (probe_names.empty()) {
    for (const auto& probe : probes::ordered_probes()) names.emplace_back(probe->name());
    std::erase(names, "graph");
  } else {
    names = parse_names("--probes", probe_names);
  }
  if (graph && std::find(names.begin(), names.end(), "graph") == names.end()) {
    names.emplace_back("graph");
  }
  return probes::select_probes(names);
}

std::vector<std::unique_ptr<probes::Probe>> RunOptions::study_probes() const {
  auto chosen = probes();
  std::erase_if(chosen, [&](const auto& probe) {
    const bool costly = probe->phase() == probes::Phase::counters && probe_names.empty();
    return costly || probe->name() == "time";
  });
  return chosen;
}

probes::ProbeOptions RunOptions::probe_options() const {
  const auto require = [](const char* option, double value, int low, int high) {
    if (std::isfinite(value) && value >= low && value <= high) return;
    std::ostringstream message;
    message << std::setprecision(15) << option << ": " << value << " is outside " << low << " … "
            << high;
    throw reports::InputError(message.str());
  };
  require("--warmup", warmup, 0, 3600);
  require("--enough-seconds", enough_seconds, 0, 86400);
  require("--max-seconds", max_seconds, 0, 86400);
  require("--min-samples", min_samples, 1, 100000);
  require("--max-samples", max_samples.value_or(kMaxSamples), 1, 100000);
  if (max_samples && *max_samples < min_samples) {
    throw reports::InputError("--max-samples: " + std::to_string(*max_samples) +
                              " is below --min-samples " + std::to_string(min_samples) +
                              ": raise it or lower --min-samples");
  }
  probes::ProbeOptions options;
  options.warmup_seconds = warmup;
  options.max_seconds = max_seconds;
  options.enough_seconds = enough_seconds;
  options.min_samples = min_samples;
  options.max_samples = max_samples.value_or(std::max(kMaxSamples, min_samples));
  options.interrupted = &interrupted;
  options.metric_sets = parse_names("--metric-sets", metric_sets);
  probes::load_metric_sets(options.metric_sets, "bf16");  // refuses an unknown one now
  return options;
}

}  // namespace ssmprof::harness
