#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "kernels/dtype.hpp"
#include "kernels/launch.hpp"
#include "workloads/checkpoint.hpp"
#include "workloads/pruning/calibration.hpp"
#include "workloads/range.hpp"

namespace ssmprof::workloads {

enum class Mode { prefill, decode };
enum class Backend { torch, native };
enum class Logits { last, all };

constexpr const char* name_of(Mode m) {
  return m == Mode::prefill ? "prefill" : "decode";
}
constexpr const char* name_of(Backend b) {
  return b == Backend::torch ? "torch" : "native";
}
constexpr const char* name_of(Logits l) {
  return l == Logits::last ? "last" : "all";
}

/// Everything besides the weights that determines what one execution does.
struct ExecutionSpec {
  Mode mode = Mode::prefill;
  Backend backend = Backend::torch;
  kernels::Device device = kernels::Device::cpu;
  int device_index = 0;
  kernels::DType dtype = kernels::DType::f32;
  kernels::DType state_dtype = kernels::DType::f32;
  std::int64_t batch = 1;
  std::int64_t length = 1;  ///< prefill: tokens per sequence; decode: prompt before the steps
  bool fusion = false;
  Logits logits = Logits::last;
  int threads = 0;  ///< CPU threads, 0 = all
};

/// Bytes by what holds them; peak and cumulative are of the activations' allocator.
struct MemoryUse {
  std::uint64_t weights = 0, state = 0;
  std::uint64_t activations_peak = 0;      ///< most alive at once during a run
  std::uint64_t allocated_cumulative = 0;  ///< all that was ever asked for during a run
};

/// One forward pass, prepared and repeatable. Obtained from a Model; probes drive it.
class Execution {
 public:
  virtual ~Execution() = default;
  virtual const ExecutionSpec& spec() const = 0;
  virtual const std::vector<RangeSpec>& ranges() const = 0;

  /// Submits one prefill, or one decode step continuing from the last. Asynchronous on CUDA.
  /// The observer may be null.
  virtual void run(RangeObserver* observer) = 0;

  /// One run and then the greedy next token of every sequence on the host (TTFT, TPOT).
  virtual std::vector<std::int64_t> run_to_token() = 0;

  /// Waits for all submitted work.
  virtual void synchronize() = 0;

  /// The cudaStream_t that work is submitted to; null on the CPU.
  virtual void* stream() const = 0;

  /// One run under the allocator's books.
  virtual MemoryUse measure_memory() = 0;

  /// Captures one run into a CUDA graph, and launches it (asynchronous). Throws
  /// reports::EnvironmentError where there is no CUDA device.
  virtual void capture_graph();
  virtual void replay_graph();
};

/// fp32 logits on the host, [batch, length, vocab], row-major.
struct LogitsTable {
  std::int64_t batch = 0, length = 0, vocab = 0;
  std::vector<float> values;
};

using TokenBatch = std::vector<std::vector<std::int64_t>>;  ///< [batch][length], rectangular

/// A checkpoint placed on a device for one backend, dtype and state dtype. Hides LibTorch.
class Model {
 public:
  virtual ~Model() = default;
  virtual const ModelConfig& config() const = 0;

  /// Tokens may be empty: seeded random ids are then used. Otherwise rows are cut or repeated to
  /// [batch, length]. Throws reports::InputError for an id outside the vocabulary and
  /// reports::EnvironmentError when the memory it needs is not there (saying how much).
  virtual std::unique_ptr<Execution> prepare(const ExecutionSpec& spec, const TokenBatch& tokens,
                                             std::uint64_t seed) = 0;

  /// Logits of all positions by one prefill.
  virtual LogitsTable prefill_logits(const TokenBatch& tokens) = 0;

  /// The same by a prefill of `prompt` tokens (at least 1) and token-by-token decode.
  virtual LogitsTable decode_logits(const TokenBatch& tokens, std::int64_t prompt) = 0;

  /// Statistics of one prefill over calibration tokens.
  virtual CalibrationStats calibrate(const TokenBatch& tokens) = 0;
};

/// Places the weights. Of `spec`, backend, device, dtypes, fusion and threads matter here.
std::unique_ptr<Model> make_model(std::shared_ptr<const Checkpoint> checkpoint,
                                  const ExecutionSpec& spec);

/// Versions and flags of the libraries that host the models ("libtorch", "mkl", "tf32", …); empty
/// when built without LibTorch.
std::map<std::string, std::string> host_library_versions();

}  // namespace ssmprof::workloads
