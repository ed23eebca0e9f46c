#pragma once

#include <functional>
#include <memory>

namespace ssmprof::workloads {

/// A CUDA graph of what `submit` puts on the current stream. LibTorch's allocator keeps the
/// graph's memory apart for as long as the graph lives.
class RunGraph {
 public:
  /// Captures; throws reports::EnvironmentError when built without CUDA.
  explicit RunGraph(const std::function<void()>& submit);
  ~RunGraph();
  /// Submits the graph to the current stream.
  void replay();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ssmprof::workloads
