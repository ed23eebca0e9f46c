#pragma once

#include <cstdint>
#include <memory>

#include "workloads/execution.hpp"

namespace ssmprof::workloads {

/// Throws reports::EnvironmentError naming what is missing unless `spec`'s device can be used.
void require_device(const ExecutionSpec& spec);

/// TF32 and reductions in 16 bits off, as every run relies on.
void configure_precision();

/// The same and the CPU threads of `spec`.
void configure_libraries(const ExecutionSpec& spec);

/// The cudaStream_t that is current on the device; null on the CPU.
void* current_stream(kernels::Device device, int index);

/// Waits for the work on the device's current stream.
void wait_for(kernels::Device device, int index);

/// Free memory in bytes: of the GPU including what LibTorch caches, or of the host.
std::uint64_t available_memory(kernels::Device device, int index);

/// A stream of our own that is made current, with its device, while a Scope lives: the legacy
/// default stream can neither be captured nor overlap. Does nothing on the CPU.
class WorkStream {
 public:
  explicit WorkStream(const ExecutionSpec& spec);
  ~WorkStream();
  void* native() const;

  class Scope {
   public:
    explicit Scope(const WorkStream& stream);
    ~Scope();
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    struct Guard;
    std::unique_ptr<Guard> guard_;
  };

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ssmprof::workloads
