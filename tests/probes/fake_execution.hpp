#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "reports/report.hpp"
#include "workloads/execution.hpp"

namespace ssmprof::probes::testing {

using workloads::RangeSpec;

/// Runs a given body; counts how often and which way it was run.
class FakeExecution : public workloads::Execution {
 public:
  using Body = std::function<void(workloads::RangeObserver*)>;

  FakeExecution(workloads::ExecutionSpec spec, std::vector<RangeSpec> ranges, Body body)
      : spec_(spec), ranges_(std::move(ranges)), body_(std::move(body)) {}

  const workloads::ExecutionSpec& spec() const override { return spec_; }
  const std::vector<RangeSpec>& ranges() const override { return ranges_; }
  void run(workloads::RangeObserver* observer) override {
    (observer == nullptr ? plain_runs : observed_runs)++;
    if (log != nullptr) *log += tag;
    body_(observer);
  }
  std::vector<std::int64_t> run_to_token() override {
    ++token_runs;
    body_(nullptr);
    return std::vector<std::int64_t>(static_cast<std::size_t>(spec_.batch), 7);
  }
  void synchronize() override {}
  void* stream() const override { return nullptr; }
  workloads::MemoryUse measure_memory() override { return memory; }

  workloads::MemoryUse memory;
  int plain_runs = 0, observed_runs = 0, token_runs = 0;
  std::string* log = nullptr;  ///< order of the runs, if wanted
  char tag = 'A';

 private:
  workloads::ExecutionSpec spec_;
  std::vector<RangeSpec> ranges_;
  Body body_;
};

inline RangeSpec group(std::string id, int parent) {
  RangeSpec range;
  range.id = std::move(id);
  range.parent = parent;
  return range;
}

inline RangeSpec leaf(std::string id, int parent, workloads::Component component,
                      kernels::Cost cost = {}) {
  RangeSpec range;
  range.id = std::move(id);
  range.parent = parent;
  range.leaf = true;
  range.component = component;
  range.cost = cost;
  range.shape = {1, 2, 3};
  return range;
}

/// forward { embedding, layer.00 { conv, ssd }, head }: indices 0, 1, 2, 3, 4, 5.
inline std::vector<RangeSpec> small_tree() {
  using workloads::Component;
  return {group("forward", -1),
          leaf("embedding", 0, Component::embedding, {0, 0, 100, 50}),
          group("layer.00", 0),
          leaf("layer.00/conv", 2, Component::conv, {1000, 10, 200, 60}),
          leaf("layer.00/ssd", 2, Component::ssd, {5000, 20, 300, 70}),
          leaf("head", 0, Component::head, {700, 0, 400, 80})};
}

/// The report's side of an execution, laid out index for index.
inline reports::Workload laid_out(const workloads::Execution& execution) {
  reports::Workload workload;
  for (const auto& spec : execution.ranges()) {
    reports::Range range;
    range.id = spec.id;
    range.parent = spec.parent;
    if (spec.leaf) range.component = name_of(spec.component);
    workload.ranges.push_back(std::move(range));
  }
  return workload;
}

inline void spin(std::chrono::microseconds time) {
  const auto end = std::chrono::steady_clock::now() + time;
  while (std::chrono::steady_clock::now() < end) {
  }
}

inline bool has_diagnostic(const reports::Workload& workload, const std::string& rule) {
  for (const auto& diagnostic : workload.diagnostics) {
    if (diagnostic.rule == rule) return true;
  }
  return false;
}

}  // namespace ssmprof::probes::testing
