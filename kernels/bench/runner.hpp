#pragma once

#include <map>
#include <string>
#include <vector>

#include "kernels/bench/kernel_case.hpp"

namespace ssmprof::kernels::bench {

struct RunOptions {
  Device device = Device::cuda;
  int threads = 0;               ///< CPU only
  int samples = 31;              ///< timed graph replays (on the CPU: timed runs)
  double most_seconds = 4;       ///< fewer samples, at least 6, of what takes longer than this
  double sample_seconds = 2e-3;  ///< launches per sample are chosen to last about this long
  bool check = true;             ///< compare with fp64 before timing
  bool overlap = false;          ///< CUDA: native launches may overlap (Launch::overlap)
};

/// One timed implementation of one shape. Raw samples are seconds per launch.
struct Measurement {
  std::string kernel, implementation;  ///< "native" or the rival's name
  std::string timing;  ///< "graph replay", "graph replay, overlapping launches", "launches"
                       ///< (why in timing_note) or "host clock"
  std::string timing_note;
  Shape shape;
  std::string error_message;  ///< why there is no result; empty otherwise
  double error = 0;  ///< ‖out − ref‖ / ‖ref‖ against fp64 on `sample`; NaN unchecked
  std::string sample;
  int launches = 0;  ///< per sample
  std::size_t sets = 0;
  std::vector<double> seconds;
  double median = 0, low = 0, high = 0;  ///< seconds; 95 % interval of the median, order statistics
  double clock_hz = 0;                   ///< SM clock right after the samples; 0 on the CPU
  double cycles = 0;                     ///< median × SM clock
  Cost cost;
  double bytes_per_second = 0, flops_per_second = 0, mufu_per_second = 0;
  double mufu_share = 0;   ///< of 16 per cycle and multiprocessor; 0 where the peak is unknown
  double issue_share = 0;  ///< at least: one lane per 2 FLOP and per transcendental, of 128 per
                           ///< cycle and multiprocessor; 0 where the peak is unknown
  Floor floor;
  double percent_of_floor = 0;  ///< 100 · floor / median
};

/// Checks and times the native kernel, then each rival that implements it. A check that fails (NaN,
/// or an error above accepted_error(), of a rival comparable_error()) leaves error_message set and
/// the timing out, as does a rival that does not handle the shape. Throws std::invalid_argument for
/// a bad shape, std::runtime_error for the device.
std::vector<Measurement> run_case(const KernelCase& which, const Shape& shape, const Rates& rates,
                                  const RunOptions& options,
                                  const std::vector<Rival*>& rivals = {});

}  // namespace ssmprof::kernels::bench
