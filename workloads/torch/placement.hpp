#pragma once

#include <ATen/ATen.h>
#include <cstdint>
#include <memory>
#include <string>

#include "workloads/checkpoint.hpp"
#include "workloads/execution.hpp"

namespace ssmprof::workloads {

/// Puts a checkpoint's tensors on a device. Memory that already has the wanted type, place and
/// alignment is used as it is (the checkpoint must live as long); nothing here writes to it.
class Placement {
 public:
  Placement(std::shared_ptr<const Checkpoint> checkpoint, const ExecutionSpec& spec);

  /// The tensor in the execution's dtype; undefined when the checkpoint does not have it.
  at::Tensor get(const std::string& name) const { return place(name, dtype_); }
  at::Tensor get_float(const std::string& name) const { return place(name, at::kFloat); }

  /// The state mask of a layer as bool [G · N] on the host; undefined when nothing is masked.
  at::Tensor mask(std::int64_t layer) const;

  /// Bytes of all weights placed so far, each once.
  std::uint64_t bytes() const { return bytes_; }
  /// Puts a tensor computed from a weight in its place (A from A_log, masked rows).
  at::Tensor replaced(const at::Tensor& old, const at::Tensor& now) const;

 private:
  at::Tensor place(const std::string& name, at::ScalarType type) const;

  std::shared_ptr<const Checkpoint> checkpoint_;
  at::Device device_;
  at::ScalarType dtype_;
  mutable std::uint64_t bytes_ = 0;
};

}  // namespace ssmprof::workloads
