#pragma once

#include <array>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "reports/metric.hpp"

namespace ssmprof::reports {

/// Version of the report format, semantic, apart from the tool's version.
inline constexpr const char* kSchemaVersion = "1.0.0";

struct Diagnostic {
  enum class Level { info, warning, error };
  std::string rule;  ///< stable id, e.g. "probe.unavailable"
  Level level = Level::info;
  std::string message;
  std::string hint;  ///< what to do; may be empty
};

/// One device kernel seen inside a range, launches of the same kernel folded together.
struct KernelRecord {
  std::string name;
  std::array<std::int64_t, 3> grid{}, block{};
  int registers = 0;
  std::int64_t shared_bytes = 0;
  double occupancy = 0;  ///< theoretical, 0..1
  std::int64_t launches = 0;
  double time = 0;  ///< s, exclusive, per execution of the workload
};

/// One range of a workload: the flat list with parent indices forms a tree, root first.
struct Range {
  std::string id;  ///< path, unique in its workload: "forward", "layer.03", "layer.03/ssd"
  int parent = -1;
  std::string component;  ///< taxonomy name; "" for ranges that only group others
  int layer = -1;
  std::vector<std::string> includes;  ///< components fused into this one
  std::vector<std::int64_t> shape;
  std::vector<Metric> metrics;
  std::vector<KernelRecord> kernels;
};

/// A row of an attribution: the components it sums, and their summed metrics.
struct AttributionRow {
  std::string name;
  std::vector<std::string> components;
  std::vector<Metric> metrics;
};

/// A partition of the run: native, design or paper. What has no row is in the row "other".
struct Attribution {
  std::string name;
  std::vector<AttributionRow> rows;
};

/// One thing that was run: a model, mode, shape, dtype, backend and variant.
struct Workload {
  std::string id;               ///< stable: "mamba2-130m/prefill/b8/l2048/bf16/native"
  nlohmann::json settings;      ///< flat object: model, family, mode, batch, seqlen, dtype, …
  std::vector<Metric> metrics;  ///< of the whole execution: time, tokens_per_second, ttft, …
  std::vector<Range> ranges;
  std::vector<Attribution> attributions;
  nlohmann::json roofline;  ///< ceilings and points, null when not measured
  std::vector<Diagnostic> diagnostics;
};

enum class Verdict { improved, same, regressed, ambiguous, added, missing, incomparable };

/// One metric of one place in two runs. Ratio = candidate / baseline.
struct ComparisonEntry {
  std::string workload;  ///< id shared by both sides
  std::string range;     ///< "" for the whole execution, "component:ssd" for an attribution row
  std::string metric;
  std::string unit;
  MetricClass cls = MetricClass::deterministic;
  std::optional<double> baseline, candidate, ratio;
  std::optional<Interval> interval;  ///< of the ratio
  /// Ratio of the roofline floors of both sides: what kernels at their floor would show. A kernel
  /// above its floor may gain less or more.
  std::optional<double> floor_ratio;
  Verdict verdict = Verdict::incomparable;
  std::string reason;
};

struct Comparison {
  std::string name;         ///< e.g. "mamba2-tiny/prefill/…: magnitude r=0.5 physical vs dense"
  nlohmann::json settings;  ///< policy for stored runs; score, ratio, N' per layer for pruning
  std::vector<ComparisonEntry> entries;
  Verdict verdict = Verdict::incomparable;
};

/// The whole document. kind "run": workloads. kind "comparison": comparisons (and, for an
/// interleaved measurement, the workloads behind them).
struct Report {
  enum class Kind { run, comparison };
  Kind kind = Kind::run;
  bool partial = false;        ///< the run was interrupted; what is here was measured
  nlohmann::json tool;         ///< name, version, git
  nlohmann::json invocation;   ///< command line, start time
  nlohmann::json environment;  ///< fingerprint: hardware, software, flags, hashes
  nlohmann::json definitions;  ///< metric id → {unit, class, definition}
  std::vector<Workload> workloads;
  std::vector<Comparison> comparisons;
  std::vector<Diagnostic> diagnostics;
};

}  // namespace ssmprof::reports
