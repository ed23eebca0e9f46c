#pragma once

#include <chrono>
#include <utility>

namespace ssmprof::probes {

/// Seconds since it was last asked, or made, by the monotonic clock.
class Lap {
 public:
  double operator()() {
    const auto before = std::exchange(at_, Clock::now());
    return std::chrono::duration<double>(at_ - before).count();
  }

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point at_ = Clock::now();
};

}  // namespace ssmprof::probes
