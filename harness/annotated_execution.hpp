#pragma once

#include <vector>

#include "workloads/execution.hpp"

namespace ssmprof::harness {

/// An execution whose every run also tells a fixed set of ambient observers (NVTX), outermost.
class AnnotatedExecution : public workloads::Execution {
 public:
  AnnotatedExecution(workloads::Execution& inner, std::vector<workloads::RangeObserver*> ambient);

  const workloads::ExecutionSpec& spec() const override { return inner_.spec(); }
  const std::vector<workloads::RangeSpec>& ranges() const override { return inner_.ranges(); }
  void run(workloads::RangeObserver* observer) override;
  std::vector<std::int64_t> run_to_token() override { return inner_.run_to_token(); }
  void synchronize() override { inner_.synchronize(); }
  void* stream() const override { return inner_.stream(); }
  workloads::MemoryUse measure_memory() override { return inner_.measure_memory(); }

 private:
  class Fanout : public workloads::RangeObserver {
   public:
    void enter(int range) override;
    void leave(int range) override;
    std::vector<workloads::RangeObserver*> ambient;
    workloads::RangeObserver* current = nullptr;
  };

  workloads::Execution& inner_;
  Fanout fanout_;
};

}  // namespace ssmprof::harness
