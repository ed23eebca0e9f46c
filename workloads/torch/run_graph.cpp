#include "workloads/torch/run_graph.hpp"

#include "reports/error.hpp"

#if defined(SSMPROF_HAS_CUDA)
#include <ATen/cuda/CUDAGraph.h>
#endif

namespace ssmprof::workloads {

#if defined(SSMPROF_HAS_CUDA)

struct RunGraph::Impl {
  at::cuda::CUDAGraph graph;
};

RunGraph::RunGraph(const std::function<void()>& submit) : impl_(std::make_unique<Impl>()) {
  impl_->graph.capture_begin();
  submit();
  impl_->graph.capture_end();
}

void RunGraph::replay() {
  impl_->graph.replay();
}

#else

struct RunGraph::Impl {};

RunGraph::RunGraph(const std::function<void()>&) {
  throw reports::EnvironmentError("this run cannot be captured: built without CUDA");
}

void RunGraph::replay() {}

#endif

RunGraph::~RunGraph() = default;

}  // namespace ssmprof::workloads
