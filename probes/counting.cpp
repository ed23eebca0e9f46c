#include "probes/counting.hpp"

#include <algorithm>

#include "probes/lap.hpp"

namespace ssmprof::probes {

namespace {

constexpr const char* kWhole = "whole";
constexpr std::size_t kMaxPasses = 256;

/// Opens the user ranges of one session. Names are "index" and "index#n" for the n-th repetition.
class CountingObserver : public workloads::RangeObserver {
 public:
  CountingObserver(std::size_t ranges, CounterSession& session)
      : wanted_(ranges), entered_(ranges), names_(ranges), session_(session) {
    for (std::size_t i = 0; i < ranges; ++i) names_[i] = std::to_string(i);
  }
  void choose(std::vector<int>::const_iterator begin, std::vector<int>::const_iterator end) {
    for (auto it = begin; it != end; ++it) wanted_[*it] = 1;
  }
  void reset() { std::fill(entered_.begin(), entered_.end(), 0); }

  void enter(int range) override {
    if (!wanted_[range]) return;
    const int again = entered_[range]++;
    if (again == 0) {
      session_.push(names_[range].c_str());
    } else {
      session_.push((names_[range] + "#" + std::to_string(again)).c_str());
    }
  }
  void leave(int range) override {
    if (wanted_[range]) session_.pop();
  }

 private:
  std::vector<char> wanted_;
  std::vector<int> entered_;
  std::vector<std::string> names_;
  CounterSession& session_;
};

/// Ranges a run opens, repeated entries included.
class EntryCounter : public workloads::RangeObserver {
 public:
  explicit EntryCounter(std::size_t ranges) : entries(ranges) {}
  void enter(int range) override { ++entries[range]; }
  void leave(int) override {}
  std::vector<std::size_t> entries;
};

/// Repeats a run until a session has collected all passes; false, with a problem, when that cannot
/// be.
class Replay {
 public:
  Replay(workloads::Execution& execution, Before before, bool (*interrupted)(),
         std::vector<std::string>& problems)
      : execution_(execution), before_(before), interrupted_(interrupted), problems_(problems) {}

  bool operator()(CounterSession& session, const std::function<void()>& run) const {
    for (std::size_t pass = 0;; ++pass) {
      if (interrupted_ != nullptr && interrupted_()) {
        problems_.emplace_back("interrupted while counting");
        return false;
      }
      if (pass == kMaxPasses) {
        problems_.emplace_back("the counters asked for more passes than can be");
        return false;
      }
      session.start();
      if (before_ == Before::uncounted_run) {
        execution_.run(nullptr);
        execution_.synchronize();
      }
      run();
      if (session.stop()) return true;
    }
  }

 private:
  workloads::Execution& execution_;
  const Before before_;
  bool (*const interrupted_)();
  std::vector<std::string>& problems_;
};

/// Counts one run as one range. False when it could not be done.
bool count_whole(workloads::Execution& execution, const std::vector<std::string>& hardware,
                 CounterDevice& device, const Replay& replay, Counted& counted) {
  Lap lap;
  const auto session = device.open(hardware, 1);
  ++counted.sessions;
  counted.opening += lap();
  const auto run = [&] {
    session->push(kWhole);
    execution.run(nullptr);
    execution.synchronize();
    session->pop();
    ++counted.runs;
  };
  const bool complete = replay(*session, run);
  counted.running += lap();
  if (complete) counted.whole = session->results().at(kWhole);
  counted.decoding += lap();
  return complete;
}

/// Counts the leaves of one session, entered `opened` times; `places`: where its values belong
/// among all.
bool count_leaves(workloads::Execution& execution, CountingObserver& observer,
                  CounterSession& session, std::size_t opened,
                  const std::vector<std::size_t>& places, const Replay& replay, Counted& counted) {
  Lap lap;
  const auto run = [&] {
    observer.reset();
    execution.run(&observer);
    execution.synchronize();
    ++counted.runs;
  };
  const bool complete = replay(session, run);
  counted.running += lap();
  if (!complete) return false;
  const auto results = session.results();
  if (results.size() != opened) {
    counted.problems.push_back("the counters came back for " + std::to_string(results.size()) +
                               " of " + std::to_string(opened) + " ranges");
    return false;
  }
  for (const auto& [name, values] : results) {
    auto& range = counted.ranges[std::stoul(name)];  // "12#1" reads as 12
    if (range.empty()) range.resize(counted.whole.size());
    for (std::size_t i = 0; i < places.size(); ++i) range[places[i]] += values[i];
  }
  counted.decoding += lap();
  return true;
}

}  // namespace

Counted count_ranges(workloads::Execution& execution, const std::vector<int>& leaves,
                     const std::vector<std::string>& hardware,
                     const std::vector<InRanges>& in_ranges, Before before, CounterDevice& device,
                     bool (*interrupted)()) {
  Counted counted;
  const std::size_t ranges = execution.ranges().size();
  counted.ranges.resize(ranges);
  counted.passes = device.passes(hardware);
  EntryCounter entries(ranges);
  execution.run(&entries);  // warms what is counted, too
  execution.synchronize();
  const auto entered = [&](int leaf) { return entries.entries[static_cast<std::size_t>(leaf)]; };
  const Replay replay(execution, before, interrupted, counted.problems);
  if (!count_whole(execution, hardware, device, replay, counted)) return counted;

  std::vector<std::size_t> places;
  std::vector<std::string> chosen;
  for (std::size_t i = 0; i < hardware.size(); ++i) {
    if (in_ranges[i] == InRanges::never) continue;
    if (in_ranges[i] == InRanges::unless_zero && counted.whole[i] == 0) continue;
    places.push_back(i), chosen.push_back(hardware[i]);
  }
  counted.range_hardware = chosen.size();
  if (chosen.empty()) {
    for (const int leaf : leaves)
      if (entered(leaf) > 0) counted.ranges[static_cast<std::size_t>(leaf)].resize(hardware.size());
    return counted;
  }
  counted.range_passes = device.passes(chosen);
  const std::size_t limit = std::max<std::size_t>(1, device.max_ranges(chosen));
  for (auto begin = leaves.begin(); begin != leaves.end();) {
    auto end = begin;
    std::size_t opened = 0;
    while (end != leaves.end() && (opened == 0 || opened + entered(*end) <= limit))
      opened += entered(*end++);
    if (opened == 0) break;  // none of the rest is ever entered
    Lap lap;
    const auto session = device.open(chosen, opened);
    ++counted.sessions;
    counted.opening += lap();
    CountingObserver observer(ranges, *session);
    observer.choose(begin, end);
    if (!count_leaves(execution, observer, *session, opened, places, replay, counted))
      return counted;
    begin = end;
  }
  return counted;
}

}  // namespace ssmprof::probes
