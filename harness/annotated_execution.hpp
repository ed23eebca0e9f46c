#pragma once

#include <vector>

#include "workloads/forwarding_execution.hpp"

namespace ssmprof::harness {

/// An execution whose every run also tells a fixed set of ambient observers (NVTX), outermost.
class AnnotatedExecution : public workloads::ForwardingExecution {
 public:
  AnnotatedExecution(workloads::Execution& inner, std::vector<workloads::RangeObserver*> ambient);

  void run(workloads::RangeObserver* observer) override;

 private:
  class Fanout : public workloads::RangeObserver {
   public:
    void enter(int range) override;
    void leave(int range) override;
    std::vector<workloads::RangeObserver*> ambient;
    workloads::RangeObserver* current = nullptr;
  };

  Fanout fanout_;
};

}  // namespace ssmprof::harness
