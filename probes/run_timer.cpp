#include "probes/run_timer.hpp"

#include <chrono>

namespace ssmprof::probes {

namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Adds up the time between enter and leave of every leaf.
class ClockObserver : public workloads::RangeObserver {
 public:
  explicit ClockObserver(const std::vector<workloads::RangeSpec>& ranges) {
    for (const auto& range : ranges) leaf_.push_back(range.leaf);
    seconds_.resize(ranges.size());
  }
  void enter(int range) override {
    if (leaf_[range]) start_ = Clock::now();
  }
  void leave(int range) override {
    if (leaf_[range]) seconds_[range] += seconds_since(start_);
  }
  void reset() { seconds_.assign(seconds_.size(), 0.0); }
  const std::vector<double>& seconds() const { return seconds_; }

 private:
  std::vector<char> leaf_;
  std::vector<double> seconds_;
  Clock::time_point start_;  // leaves never nest
};

class ClockTimer : public RunTimer {
 public:
  explicit ClockTimer(workloads::Execution& execution)
      : RunTimer(execution), observer_(execution.ranges()) {}
  std::string_view source() const override { return "clock"; }

  double run_plain() override {
    const auto start = Clock::now();
    execution_.run(nullptr);
    execution_.synchronize();
    return seconds_since(start);
  }

  double run_instrumented(std::vector<double>& ranges) override {
    observer_.reset();
    const auto start = Clock::now();
    execution_.run(&observer_);
    execution_.synchronize();
    const double whole = seconds_since(start);
    ranges = observer_.seconds();
    return whole;
  }

 private:
  ClockObserver observer_;
};

}  // namespace

double RunTimer::run_to_token() {
  execution_.synchronize();
  const auto start = Clock::now();
  execution_.run_to_token();
  return seconds_since(start);
}

std::unique_ptr<RunTimer> make_run_timer(workloads::Execution& execution) {
  if (execution.spec().device == kernels::Device::cuda) return make_event_timer(execution);
  return std::make_unique<ClockTimer>(execution);
}

}  // namespace ssmprof::probes
