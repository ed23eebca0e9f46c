#include "kernels/bench/runner.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <functional>
#include <limits>
#include <memory>
#include <stdexcept>

#include "kernels/bench/device.hpp"
#include "kernels/bench/peer_abi.h"

namespace ssmprof::kernels::bench {
namespace {

/// One implementation of a problem. Enqueues the launch on `set`.
using Call = std::function<void(std::size_t set, void* stream)>;

/// A rival that does not handle these arguments, or failed.
class RivalFailure : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Median and the 95 % interval that order statistics give it (normal approximation of ranks).
void summarize(Measurement& m) {
  auto sorted = m.seconds;
  std::sort(sorted.begin(), sorted.end());
  const auto n = static_cast<double>(sorted.size());
  const auto at = [&](double rank) {
    return sorted[static_cast<std::size_t>(std::clamp(rank, 0.0, n - 1))];
  };
  m.median = (at(std::floor((n - 1) / 2)) + at(std::ceil((n - 1) / 2))) / 2;
  m.low = at(std::floor(n / 2 - 0.98 * std::sqrt(n)));
  m.high = at(std::ceil(n / 2 + 0.98 * std::sqrt(n)));
}

/// Times samples of several launches that go round the input sets.
class Timer {
 public:
  Timer(Measurement& m, std::size_t sets, const Call& call, Rival* rival, bool cuda)
      : m_(m), sets_(sets), call_(call), rival_(rival) {
    if (cuda) watch_ = std::make_unique<Stopwatch>();
    m_.timing = cuda ? "graph replay" : "host clock";
  }

  /// Seconds of each sample of `launches` launches, after one to warm up.
  std::vector<double> time(int launches, int samples) {
    const auto submit = [&] {
      for (int i = 0; i < launches; ++i)
        call_(static_cast<std::size_t>(i) % sets_, watch_ ? watch_->stream() : nullptr);
    };
    if (!watch_) return time_on_host(samples, submit);
    if (rival_ != nullptr && m_.timing_note.empty()) {
      try {
        if (const auto graph = rival_->capture(watch_->stream(), submit))
          return watch_->time(samples, [&] { graph->replay(); });
      } catch (const std::runtime_error& e) {
        m_.timing = "launches";
        m_.timing_note = std::string("cannot be captured: ") + e.what();
      }
    }
    if (!m_.timing_note.empty()) return watch_->time(samples, submit);
    return watch_->time_graph(samples, submit);
  }

 private:
  static std::vector<double> time_on_host(int samples, const std::function<void()>& submit) {
    std::vector<double> seconds;
    for (int i = -1; i < samples; ++i) {
      const auto begin = std::chrono::steady_clock::now();
      submit();
      const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
      if (i >= 0) seconds.push_back(took.count());
    }
    return seconds;
  }

  Measurement& m_;
  std::size_t sets_;
  const Call& call_;
  Rival* rival_;
  std::unique_ptr<Stopwatch> watch_;
};

void derive(Measurement& m, const Problem& problem, const Rates& rates) {
  m.clock_hz = rates.clock_hz;
  m.cycles = m.median * rates.clock_hz;
  m.bytes_per_second = static_cast<double>(m.cost.bytes()) / m.median;
  m.flops_per_second = static_cast<double>(m.cost.flops) / m.median;
  m.mufu_per_second = static_cast<double>(m.cost.transcendentals) / m.median;
  if (rates.mufu_per_second() > 0) {
    m.mufu_share = m.mufu_per_second / rates.mufu_per_second();
    m.issue_share = (m.flops_per_second / 2 + m.mufu_per_second) / (8 * rates.mufu_per_second());
  }
  m.floor = problem.floor(rates);
  m.percent_of_floor = 100.0 * m.floor.seconds / m.median;
}

void measure(Measurement& m, Problem& problem, const Rates& rates, const RunOptions& options,
             const Call& call, Rival* rival) {
  const bool cuda = options.device == Device::cuda;
  m.cost = problem.cost();
  m.sets = problem.sets();
  for (std::size_t set = 0; set < problem.sets(); ++set) problem.reset(set);
  m.error = std::numeric_limits<double>::quiet_NaN();
  if (rival != nullptr) rival->timing_only(false);
  call(0, nullptr);
  if (cuda) device_synchronize();
  if (options.check) {
    m.error = problem.error(0);
    m.sample = problem.sample();
    const std::uint64_t values = m.cost.bytes_written / size_of(m.shape.dtype);
    const double most = rival != nullptr ? comparable_error(m.shape.dtype, values)
                                         : accepted_error(m.shape.dtype, values);
    if (!(m.error <= most)) {
      char text[120];
      std::snprintf(text, sizeof text, "differs from the fp64 reference: error %.2g, accepted %.2g",
                    m.error, most);
      m.error_message = text;
      return;
    }
  }
  if (rival != nullptr) rival->timing_only(true);
  Timer timer(m, problem.sets(), call, rival, cuda);
  if (cuda && rival == nullptr && options.overlap) m.timing += ", overlapping launches";
  const auto sets = static_cast<int>(problem.sets());
  const double once = std::max(timer.time(sets, 1).front() / sets, 1e-7);
  const double wanted = std::clamp(options.sample_seconds / once, 1.0, 2000.0);
  m.launches = sets * static_cast<int>(std::ceil(wanted / sets));
  const double affordable = options.most_seconds / (once * m.launches);
  const int samples = static_cast<int>(std::clamp(affordable, 6.0, 1e6));
  m.seconds = timer.time(m.launches, std::min(samples, options.samples));
  for (double& s : m.seconds) s /= m.launches;
  summarize(m);
  Rates of_run = rates;
  if (cuda) of_run.clock_hz = measure_clock();
  derive(m, problem, of_run);
}

}  // namespace

std::vector<Measurement> run_case(const KernelCase& which, const Shape& shape, const Rates& rates,
                                  const RunOptions& options, const std::vector<Rival*>& rivals) {
  Setup setup;
  setup.device = options.device;
  // Three times the cache, so that nothing of a set is left when its turn comes again.
  setup.rotate_bytes =
      options.device == Device::cuda ? 3 * static_cast<std::size_t>(rates.l2_bytes) : 0;
  const auto problem = which.prepare(shape, setup);
  std::vector<Measurement> all;
  const auto add = [&](const std::string& implementation, const Call& call, Rival* rival) {
    Measurement m;
    m.kernel = which.name();
    m.implementation = implementation;
    m.shape = shape;
    try {
      measure(m, *problem, rates, options, call, rival);
    } catch (const RivalFailure& e) {
      m.error_message = e.what();
    }
    all.push_back(std::move(m));
  };
  add(
      "native",
      [&](std::size_t set, void* stream) {
        problem->launch(set, {options.device, stream, options.threads, options.overlap});
      },
      nullptr);
  for (Rival* rival : rivals) {
    if (!rival->implements(problem->entry())) continue;
    add(
        rival->name(),
        [&](std::size_t set, void* stream) {
          const int status = problem->launch_rival(*rival, set, stream);
          if (status == SSMPROF_PEER_UNSUPPORTED) throw RivalFailure("does not handle this shape");
          if (status != 0) throw RivalFailure("failed with status " + std::to_string(status));
        },
        rival);
  }
  return all;
}

}  // namespace ssmprof::kernels::bench
