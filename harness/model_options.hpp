#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "workloads/checkpoint.hpp"
#include "workloads/execution.hpp"

namespace ssmprof::harness {

/// The options that say which model runs where; shared by profile, prune and verify.
struct ModelOptions {
  std::string model;
  std::string device = "auto";
  std::string dtype = "auto";
  std::string state_dtype = "fp32";
  std::string backend = "torch,native";
  std::string tokens;
  std::uint64_t seed = 0;
  int threads = 0;

  void declare(CLI::App& app);

  /// Device, dtypes, threads; the rest of the spec is left as it is. Resolves "auto": the first
  /// GPU where there is one, fp32 on the CPU and bf16 on a GPU. Throws InputError or, when the
  /// device is not there, EnvironmentError.
  workloads::ExecutionSpec base_spec() const;

  /// The same for a run on a GPU that need not be here.
  workloads::ExecutionSpec gpu_spec() const;

  std::vector<workloads::Backend> backends() const;

  /// The files that are read: --tokens and what lies in a checkpoint's folder.
  std::vector<std::string> inputs() const;

  std::shared_ptr<const workloads::Checkpoint> open(kernels::DType dtype) const;

  /// Token ids from --tokens, or empty when none was given.
  workloads::TokenBatch load_tokens_for(const workloads::Checkpoint& checkpoint) const;
};

}  // namespace ssmprof::harness
