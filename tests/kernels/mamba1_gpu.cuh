#pragma once

#include <cstdio>
#include <cuda_runtime.h>
#include <map>
#include <stdexcept>

#include "kernels/launch.hpp"

#include "tests/catch.hpp"
#include "tests/kernels/step_cases.hpp"

/// What the GPU tests of the Mamba-1 kernels share: cases uploaded to the device, graph capture.
namespace mamba1_gpu {

using namespace ssmprof::kernels;
using namespace ssmprof::kernels::cases;

inline void cuda_ok(cudaError_t e) {
  if (e != cudaSuccess) throw std::runtime_error(cudaGetErrorString(e));
}

/// False, said once per test, when there is no device.
inline bool has_device() {
  int n = 0;
  if (cudaGetDeviceCount(&n) == cudaSuccess && n > 0) return true;
  std::puts("SKIPPED: no CUDA device");
  return false;
}

inline Launch on_gpu(void* stream = nullptr) {
  return {Device::cuda, stream, 0};
}

/// Accepted ‖got − expected‖ / ‖expected‖ over `count` values: 2e-3 (bf16) and 1e-5 (fp32). For
/// fp16 6e-4: sums over states run in TF32 and SiLU on tanh.approx, each good to 2^-11. A norm over
/// few values is no average: each may be off by half a unit in its last place.
inline double tolerance(DType dtype, std::int64_t count) {
  const double many = dtype == DType::f32 ? 1e-5 : dtype == DType::f16 ? 6e-4 : 2e-3;
  return count < 20000 && dtype == DType::bf16 ? 3e-3 : many;
}
inline double tolerance(const Array& array) {
  return tolerance(array.dtype, array.count());
}

/// Places a case's arrays on the device: pass it to the case's args(), then fetch() the outputs.
class Placed {
 public:
  Placed() = default;
  Placed(const Placed&) = delete;
  Placed& operator=(const Placed&) = delete;
  ~Placed() {
    for (auto& [array, data] : data_) cudaFree(data);
    cudaFree(workspace_);
  }
  void* operator()(Array& array) {
    if (array.empty()) return nullptr;
    void*& data = data_[&array];
    if (data == nullptr) {
      cuda_ok(cudaMalloc(&data, array.bytes.size()));
      cuda_ok(cudaMemcpy(data, array.bytes.data(), array.bytes.size(), cudaMemcpyHostToDevice));
    }
    return data;
  }
  void fetch(Array& array) {
    if (array.empty()) return;
    cuda_ok(cudaDeviceSynchronize());
    cuda_ok(cudaMemcpy(array.bytes.data(), data_.at(&array), array.bytes.size(),
                       cudaMemcpyDeviceToHost));
  }
  void* workspace(std::size_t bytes) {
    if (bytes > 0 && workspace_ == nullptr) cuda_ok(cudaMalloc(&workspace_, bytes));
    return workspace_;
  }

 private:
  std::map<Array*, void*> data_;
  void* workspace_ = nullptr;
};

/// Runs record(stream) through a captured graph, once.
template <typename Record>
void through_graph(const Record& record) {
  cudaStream_t stream = nullptr;
  cudaGraph_t graph = nullptr;
  cudaGraphExec_t exec = nullptr;
  cuda_ok(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
  cuda_ok(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
  record(stream);
  cuda_ok(cudaStreamEndCapture(stream, &graph));
  cuda_ok(cudaGraphInstantiate(&exec, graph, 0));
  cuda_ok(cudaGraphLaunch(exec, stream));
  cuda_ok(cudaStreamSynchronize(stream));
  cudaGraphExecDestroy(exec);
  cudaGraphDestroy(graph);
  cudaStreamDestroy(stream);
}

/// kernels/selective_scan.hpp on the device; output and final state come back into the case.
inline void scan_on_gpu(ScanCase& test, bool graph = false) {
  Placed place;
  SelectiveScanArgs args = test.args(std::ref(place));
  args.workspace = place.workspace(selective_scan_workspace(args, on_gpu()));
  if (graph)
    through_graph([&](void* stream) { selective_scan(args, on_gpu(stream)); });
  else
    selective_scan(args, on_gpu());
  place.fetch(test.out.array);
  place.fetch(test.final_state);
}

}  // namespace mamba1_gpu
