#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kernels/cost.hpp"
#include "workloads/component.hpp"

namespace ssmprof::workloads {

/// One range that an execution opens, known before it runs. Groups ("forward", "layer.03") have
/// no component of their own and no cost; leaves ("layer.03/ssd") never nest.
struct RangeSpec {
  std::string id;
  int parent = -1;
  bool leaf = false;
  Component component = Component::other;
  int layer = -1;
  std::vector<Component> includes;  ///< components fused into this leaf
  std::vector<std::int64_t> shape;  ///< of the leaf's main output
  kernels::Cost cost;               ///< analytic, as executed
};

/// Where workloads and probes meet: told at every boundary, on the thread that submits the work,
/// with the index of the range in Execution::ranges(). Implementations must be cheap.
class RangeObserver {
 public:
  virtual ~RangeObserver() = default;
  virtual void enter(int range) = 0;
  virtual void leave(int range) = 0;
};

/// Opens a range for the lifetime of the object; a null observer costs a branch.
class ScopedRange {
 public:
  ScopedRange(RangeObserver* observer, int range) : observer_(observer), range_(range) {
    if (observer_ != nullptr) observer_->enter(range_);
  }
  ~ScopedRange() {
    if (observer_ != nullptr) observer_->leave(range_);
  }
  ScopedRange(const ScopedRange&) = delete;
  ScopedRange& operator=(const ScopedRange&) = delete;

 private:
  RangeObserver* observer_;
  int range_;
};

}  // namespace ssmprof::workloads
