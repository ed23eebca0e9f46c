#include "kernels/bench/runner.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <functional>
#include <limits>
#include <stdexcept>

#include "kernels/bench/device.hpp"

namespace ssmprof::kernels::bench {
namespace {

using Call = std::function<void(std::size_t set, void* stream)>;

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

std::vector<double> time_on_host(int launches, int samples, std::size_t sets, const Call& call) {
  std::vector<double> seconds;
  std::size_t next = 0;
  for (int i = -1; i < samples; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    for (int k = 0; k < launches; ++k) call(next++ % sets, nullptr);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    if (i >= 0) seconds.push_back(took.count() / launches);
  }
  return seconds;
}

std::vector<double> time_calls(int launches, int samples, std::size_t sets, const Call& call,
                               Device device) {
  if (device == Device::cpu) return time_on_host(launches, samples, sets, call);
  return time_graph(launches, samples,
                    [&](int i, void* stream) { call(static_cast<std::size_t>(i) % sets, stream); });
}

void measure(Measurement& m, Problem& problem, const Rates& rates, const RunOptions& options,
             const Call& call) {
  const bool cuda = options.device == Device::cuda;
  const auto wait = [&] {
    if (cuda) device_synchronize();
  };
  for (std::size_t set = 0; set < problem.sets(); ++set) problem.reset(set);
  m.error = std::numeric_limits<double>::quiet_NaN();
  call(0, nullptr);
  wait();
  if (options.check) {
    m.error = problem.error(0);
    m.sample = problem.sample();
    if (!(m.error <= accepted_error(m.shape.dtype))) {
      m.error_message = "differs from the fp64 reference";
      return;
    }
  }
  const auto sets = static_cast<int>(problem.sets());
  const double once = time_calls(sets, 1, problem.sets(), call, options.device).front();
  const double wanted = std::clamp(options.sample_seconds / std::max(once, 1e-7), 1.0, 2000.0);
  m.launches = sets * static_cast<int>(std::ceil(wanted / sets));
  m.sets = problem.sets();
  m.seconds = time_calls(m.launches, options.samples, problem.sets(), call, options.device);
  summarize(m);
  m.cycles = m.median * rates.clock_hz;
  m.cost = problem.cost();
  m.bytes_per_second = static_cast<double>(m.cost.bytes()) / m.median;
  m.flops_per_second = static_cast<double>(m.cost.flops) / m.median;
  m.mufu_per_second = static_cast<double>(m.cost.transcendentals) / m.median;
  m.floor = problem.floor(rates);
  m.percent_of_floor = 100.0 * m.floor.seconds / m.median;
}

}  // namespace

std::vector<Measurement> run_case(const KernelCase& which, const Shape& shape, const Rates& rates,
                                  const RunOptions& options,
                                  const std::vector<const Peer*>& peers) {
  Setup setup;
  setup.device = options.device;
  // Three times the cache, so that nothing of a set is left when its turn comes again.
  setup.rotate_bytes =
      options.device == Device::cuda ? 3 * static_cast<std::size_t>(rates.l2_bytes) : 0;
  const auto problem = which.prepare(shape, setup);
  std::vector<Measurement> all;
  const auto add = [&](const std::string& implementation, const Call& call) {
    Measurement m;
    m.kernel = which.name();
    m.implementation = implementation;
    m.shape = shape;
    measure(m, *problem, rates, options, call);
    all.push_back(std::move(m));
  };
  add("native", [&](std::size_t set, void* stream) {
    problem->launch(set, {options.device, stream, options.threads});
  });
  for (const Peer* peer : peers) {
    void* const entry = peer->find(which.entry());
    if (entry == nullptr) continue;
    add(peer->name(), [&](std::size_t set, void* stream) {
      if (const int status = problem->launch_peer(entry, set, stream); status != 0)
        throw std::runtime_error(peer->name() + ": ssmprof_peer_" + which.entry() + " returned " +
                                 std::to_string(status));
    });
  }
  return all;
}

}  // namespace ssmprof::kernels::bench
