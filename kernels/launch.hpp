#pragma once

namespace ssmprof::kernels {

enum class Device { cpu, cuda };

/// Where and how a kernel runs. On CUDA every call is asynchronous on `stream`, makes no
/// allocation and no synchronization, and may be captured into a graph.
struct Launch {
  Device device = Device::cpu;
  void* stream = nullptr;  ///< cudaStream_t; unused on the CPU
  int threads = 0;         ///< CPU threads; 0 = all that the process may use
  /// Lets a kernel that can do so start while the one before it on the stream still runs (CUDA). It
  /// waits for the end of the other before it touches anything that the other may write; what it
  /// reads earlier (weights, settled states) its header says. Only where
  /// nobody times kernels apart: the two then share their time.
  bool overlap = false;
};

}  // namespace ssmprof::kernels
