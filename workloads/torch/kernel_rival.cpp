#include "workloads/kernel_rival.hpp"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>
#include <stdexcept>

#include "workloads/torch/common.hpp"
#include "workloads/torch/device.hpp"
#include "workloads/torch/kernel_rival_calls.hpp"

#if defined(SSMPROF_HAS_CUDA)
#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#endif

namespace ssmprof::workloads {
namespace {

#if defined(SSMPROF_HAS_CUDA)

c10::cuda::CUDAStream stream_of(void* stream, int index) {
  const auto device = static_cast<c10::DeviceIndex>(index);
  if (stream == nullptr) return c10::cuda::getDefaultCUDAStream(device);
  return c10::cuda::getStreamFromExternal(static_cast<cudaStream_t>(stream), device);
}

class TorchGraph : public kernels::bench::Rival::Graph {
 public:
  TorchGraph(c10::cuda::CUDAStream stream, const std::function<void()>& submit) : stream_(stream) {
    const c10::cuda::CUDAStreamGuard guard(stream_);
    graph_.capture_begin();
    try {
      submit();
    } catch (...) {
      try {
        graph_.capture_end();
      } catch (const c10::Error&) {  // the first error is the one to tell
      }
      throw;
    }
    graph_.capture_end();
  }
  void replay() override {
    const c10::cuda::CUDAStreamGuard guard(stream_);
    graph_.replay();
  }

 private:
  c10::cuda::CUDAStream stream_;
  at::cuda::CUDAGraph graph_;
};

#endif

/// Calls `work` in inference mode; what LibTorch throws becomes std::runtime_error with one line.
template <class Work>
auto translated(const Work& work) {
  const c10::InferenceMode inference;
  try {
    return work();
  } catch (const c10::Error& e) {
    throw std::runtime_error("LibTorch: " + first_line(e.what_without_backtrace()));
  }
}

class TorchRival : public kernels::bench::Rival {
 public:
  explicit TorchRival(const ExecutionSpec& spec) : spec_(spec), calls_(spec) {}

  std::string name() const override { return "libtorch"; }
  bool implements(const std::string& entry) const override { return calls_.knows(entry); }
  void timing_only(bool on) override { calls_.hand_over(!on); }

  int run(const std::string& entry, const void* args, [[maybe_unused]] void* stream) override {
    return translated([&] {
#if defined(SSMPROF_HAS_CUDA)
      if (spec_.device == kernels::Device::cuda) {
        const c10::cuda::CUDAStreamGuard guard(stream_of(stream, spec_.device_index));
        return calls_.run(entry, args);
      }
#endif
      return calls_.run(entry, args);
    });
  }

  std::unique_ptr<Graph> capture([[maybe_unused]] void* stream,
                                 [[maybe_unused]] const std::function<void()>& submit) override {
#if defined(SSMPROF_HAS_CUDA)
    if (spec_.device == kernels::Device::cuda) {
      return translated([&]() -> std::unique_ptr<Graph> {
        return std::make_unique<TorchGraph>(stream_of(stream, spec_.device_index), submit);
      });
    }
#endif
    return nullptr;
  }

 private:
  ExecutionSpec spec_;
  KernelRivalCalls calls_;
};

}  // namespace

std::unique_ptr<kernels::bench::Rival> make_library_rival(const ExecutionSpec& spec) {
  return guarded("kernels", [&]() -> std::unique_ptr<kernels::bench::Rival> {
    require_device(spec);
    configure_libraries(spec);
    return std::make_unique<TorchRival>(spec);
  });
}

}  // namespace ssmprof::workloads
