#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>
#include <vector>

#include "probes/probe.hpp"
#include "workloads/execution.hpp"

namespace ssmprof::harness {

/// The options that say what is run and how long it is measured; shared by profile and prune.
struct RunOptions {
  std::string mode = "prefill,decode";
  std::string batch = "1";
  std::string seqlen = "512";
  std::string fusion = "off";
  std::string logits = "last";
  std::string probe_names;
  std::string metric_sets = "traffic,flops,transcendental,peaks";
  std::string output;
  double warmup = 0.2;
  double enough_seconds = 1.0, max_seconds = 5.0;
  int min_samples = 10;
  std::optional<int> max_samples;  ///< default: 100, or min_samples where that is more
  bool graph = false;
  bool quiet = false;

  void declare(CLI::App& app);

  /// Every combination of mode, batch and length on top of `base`, modes outermost. Throws
  /// InputError naming the option.
  std::vector<workloads::ExecutionSpec> expand(const workloads::ExecutionSpec& base) const;

  /// The chosen probes, in phase order; all but graph when none is named, and graph with --graph.
  std::vector<std::unique_ptr<probes::Probe>> probes() const;

  /// The same for a study of interleaved variants, which is timed by the caller: no time probe, and
  /// counters only when named.
  std::vector<std::unique_ptr<probes::Probe>> study_probes() const;

  probes::ProbeOptions probe_options() const;
};

}  // namespace ssmprof::harness
