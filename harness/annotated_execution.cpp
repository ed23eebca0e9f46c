#include "harness/annotated_execution.hpp"

#include <utility>

namespace ssmprof::harness {

AnnotatedExecution::AnnotatedExecution(workloads::Execution& inner,
                                       std::vector<workloads::RangeObserver*> ambient)
    : ForwardingExecution(inner) {
  fanout_.ambient = std::move(ambient);
}

void AnnotatedExecution::run(workloads::RangeObserver* observer) {
  if (fanout_.ambient.empty()) return inner_.run(observer);
  fanout_.current = observer;
  inner_.run(&fanout_);
}

void AnnotatedExecution::Fanout::enter(int range) {
  for (auto* observer : ambient) observer->enter(range);
  if (current != nullptr) current->enter(range);
}

void AnnotatedExecution::Fanout::leave(int range) {
  if (current != nullptr) current->leave(range);
  for (auto* observer : ambient) observer->leave(range);
}

}  // namespace ssmprof::harness
