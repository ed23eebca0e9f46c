#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "kernels/bench/rival.hpp"
#include "kernels/cost.hpp"
#include "kernels/dtype.hpp"
#include "kernels/launch.hpp"

/// Benchmark cases: one per native kernel. A case is a file NAME_case.cpp that defines
/// make_NAME_case(); adding the file adds the case. A measurement goes through these phases:
/// resolve the shape, prepare (allocate and fill), check against fp64, time.
namespace ssmprof::kernels::bench {

/// A problem's sizes by option name ("batch", "seqlen", "dim", …), and its element type.
/// Flags are sizes of 0 or 1.
struct Shape {
  DType dtype = DType::bf16;
  std::map<std::string, std::int64_t> sizes;
  /// Throws std::out_of_range naming the option when it is missing.
  std::int64_t at(const std::string& name) const;
};

struct Option {
  std::string name, description;
  std::int64_t value = 0;  ///< default
};

/// The sizes of a published model, e.g. {"mamba-2.8b", {{"dim", 5120}}}.
struct Preset {
  std::string name;
  std::map<std::string, std::int64_t> sizes;
};

/// What the device was measured to do in this run, and what it is.
struct Rates {
  std::string device;
  double copy_bytes_per_second = 0;  ///< large device-to-device copy, bytes read plus written
  double gemm_flops_per_second = 0;  ///< 0 when nobody measured it
  double clock_hz = 0;               ///< SM clock; 0 until a kernel was timed
  int multiprocessors = 0;
  std::int64_t l2_bytes = 0;
  /// Special-function operations per second: 16 per cycle and multiprocessor.
  double mufu_per_second() const { return 16.0 * multiprocessors * clock_hz; }
};

/// The shortest time that the hardware allows, and how it was computed.
struct Floor {
  double seconds = 0;
  std::string formula;
};

/// max(bytes / copy rate, transcendentals / MUFU rate); terms whose rate is unknown are left out.
Floor memory_or_mufu_floor(const Cost& cost, const Rates& rates);

struct Setup {
  Device device = Device::cuda;
  std::size_t rotate_bytes = 0;  ///< the input sets together must exceed this
  std::uint64_t seed = 1;
};

/// Allocated inputs and outputs of one shape, in one or more sets.
class Problem {
 public:
  virtual ~Problem() = default;
  virtual std::size_t sets() const = 0;
  virtual void launch(std::size_t set, const Launch& where) = 0;
  /// What a rival calls this kernel: the peer's symbol after "ssmprof_peer_".
  virtual std::string entry() const = 0;
  /// The same launch by another implementation; Rival::run's return value, 0 = done.
  virtual int launch_rival(Rival& rival, std::size_t set, void* stream) = 0;
  /// Fills the outputs with NaN and restores what a launch updates in place.
  virtual void reset(std::size_t set) = 0;
  /// ‖out − ref‖ / ‖ref‖ of what the last launch left in `set`, against fp64, on the sampled
  /// elements that sample() names. NaN when any sampled output is NaN.
  virtual double error(std::size_t set) = 0;
  virtual std::string sample() const = 0;
  virtual Cost cost() const = 0;
  virtual Floor floor(const Rates& rates) const { return memory_or_mufu_floor(cost(), rates); }
};

class KernelCase {
 public:
  virtual ~KernelCase() = default;
  virtual std::string name() const = 0;  ///< as on the command line: "scan"
  virtual std::string description() const = 0;
  virtual std::vector<Option> options() const = 0;
  virtual std::vector<Preset> presets() const = 0;
  /// Throws std::invalid_argument on a shape the kernel does not support.
  virtual std::unique_ptr<Problem> prepare(const Shape& shape, const Setup& setup) const = 0;
};

/// Every case, sorted by name (generated from the file names).
std::vector<std::unique_ptr<KernelCase>> make_cases();

/// Defaults, then the preset (may be empty), then `sizes`. Throws std::invalid_argument with one
/// line that names the known ones when a preset or option is unknown.
Shape resolve(const KernelCase& which, const std::string& preset, DType dtype,
              const std::map<std::string, std::int64_t>& sizes);

/// The error up to which a native kernel is timed: 2e-3 for 16-bit, 1e-5 for fp32. Of few values in
/// bf16 the rounding of one counts, which may be 2^-8; of many, what roundings are on average.
double accepted_error(DType dtype, std::uint64_t values);
/// The same of other implementations, which may round between their steps: ten times that.
double comparable_error(DType dtype, std::uint64_t values);

/// How many sets of `bytes` are needed so that they exceed `rotate_bytes`; at least 2, at most 64
/// (at least 1 when rotate_bytes is 0).
std::size_t sets_for(std::size_t bytes, std::size_t rotate_bytes);

}  // namespace ssmprof::kernels::bench
