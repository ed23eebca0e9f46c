#pragma once

#include <chrono>
#include <string>

namespace ssmprof::harness {

/// Progress with remaining time on stderr, for work that lasts longer than two seconds. A line
/// rewritten in place on a terminal, a line per step elsewhere.
class Progress {
 public:
  /// `steps` are of about equal length. `enabled` false keeps silent.
  Progress(int steps, bool enabled);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// Announces what begins now.
  void begin(const std::string& what);
  /// Counts one step as done.
  void done();
  /// Wipes the in-place line, before something else is printed.
  void clear();

 private:
  using Clock = std::chrono::steady_clock;
  double elapsed() const;

  int steps_, finished_ = 0;
  bool enabled_, terminal_, shown_ = false;
  Clock::time_point start_ = Clock::now();
};

}  // namespace ssmprof::harness
