#pragma once

#include "workloads/execution.hpp"

namespace ssmprof::workloads {

/// An execution that passes everything on to another; decorators override what they change.
class ForwardingExecution : public Execution {
 public:
  explicit ForwardingExecution(Execution& inner) : inner_(inner) {}
  const ExecutionSpec& spec() const override { return inner_.spec(); }
  const std::vector<RangeSpec>& ranges() const override { return inner_.ranges(); }
  void run(RangeObserver* observer) override { inner_.run(observer); }
  std::vector<std::int64_t> run_to_token() override { return inner_.run_to_token(); }
  void synchronize() override { inner_.synchronize(); }
  void* stream() const override { return inner_.stream(); }
  MemoryUse measure_memory() override { return inner_.measure_memory(); }
  void capture_graph() override { inner_.capture_graph(); }
  void replay_graph() override { inner_.replay_graph(); }

 protected:
  Execution& inner_;
};

}  // namespace ssmprof::workloads
