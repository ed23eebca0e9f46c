#include "probes/counting.hpp"

#include "tests/catch.hpp"
#include "tests/probes/fake_execution.hpp"

using namespace ssmprof;
using namespace ssmprof::probes;
using namespace ssmprof::probes::testing;

namespace {

/// Counts 1 per push in "a", the range's index (99 for the whole) in "b" and nothing in "none".
struct FakeDevice : CounterDevice {
  struct Session : CounterSession {
    Session(FakeDevice& d, std::vector<std::string> metrics, std::size_t ranges)
        : device(d), hardware(std::move(metrics)), capacity(ranges) {}
    void start() override {
      open_pass = true;
      pushed.clear();
    }
    bool stop() override {
      open_pass = false;
      return ++done == device.needed_passes;
    }
    void push(const char* name) override {
      REQUIRE(open_pass);
      REQUIRE(depth++ == 0);  // flat
      pushed.emplace_back(name);
      REQUIRE(pushed.size() <= capacity);
    }
    void pop() override { --depth; }
    std::map<std::string, std::vector<double>> results() override {
      REQUIRE(done == device.needed_passes);
      std::map<std::string, std::vector<double>> values;
      for (const auto& name : pushed) {
        std::vector<double> counts;
        for (const auto& metric : hardware)
          counts.push_back(metric == "a"      ? 1.0
                           : metric == "none" ? 0.0
                           : name == "whole"  ? 99.0
                                              : std::stod(name));
        REQUIRE(values.emplace(name, counts).second);
      }
      if (pushed.size() > device.lost)
        for (std::size_t i = 0; i < device.lost; ++i) values.erase(pushed[i]);
      return values;
    }
    FakeDevice& device;
    std::vector<std::string> hardware;
    std::size_t capacity, done = 0;
    int depth = 0;
    bool open_pass = false;
    std::vector<std::string> pushed;
  };
  std::string chip() const override { return "FAKE"; }
  bool knows(const std::string&) const override { return true; }
  std::size_t passes(const std::vector<std::string>&) override { return needed_passes; }
  std::size_t max_ranges(const std::vector<std::string>&) const override { return capacity; }
  std::unique_ptr<CounterSession> open(const std::vector<std::string>& hardware,
                                       std::size_t n) override {
    asked.push_back(hardware);
    return std::make_unique<Session>(*this, hardware, n);
  }
  std::size_t needed_passes = 3, capacity = 100, lost = 0;  ///< lost: of every session's results
  std::vector<std::vector<std::string>> asked;              ///< per session
};

const std::vector<InRanges> kAlways{InRanges::always, InRanges::always};
constexpr Before kLedIn = Before::uncounted_run;

FakeExecution executing(int conv_entries) {
  return {{}, small_tree(), [=](workloads::RangeObserver* observer) {
            const workloads::ScopedRange forward(observer, 0);
            { const workloads::ScopedRange range(observer, 1); }
            for (int i = 0; i < conv_entries; ++i) {
              const workloads::ScopedRange range(observer, 3);
            }
            { const workloads::ScopedRange range(observer, 4); }
          }};
}

}  // namespace

TEST_CASE("leaves are counted flat, once per pass, and the whole apart") {
  FakeDevice device;
  auto execution = executing(1);
  const auto counted =
      count_ranges(execution, {1, 3, 4, 5}, {"a", "b"}, kAlways, kLedIn, device, nullptr);
  CHECK(counted.passes == 3);
  CHECK(counted.sessions == 2);
  CHECK(counted.runs == 6);
  CHECK(counted.ranges[1] == std::vector<double>{1, 1});
  CHECK(counted.ranges[4] == std::vector<double>{1, 4});
  CHECK(counted.ranges[5].empty());  // never entered
  CHECK(counted.ranges[0].empty());  // a group
  CHECK(counted.whole == std::vector<double>{1, 99});
  CHECK(counted.problems.empty());
}

TEST_CASE("every pass begins with a run that is not counted, when asked") {
  FakeDevice device;
  int runs = 0, observed = 0;
  FakeExecution execution({}, small_tree(), [&](workloads::RangeObserver* observer) {
    ++runs;
    if (observer == nullptr) return;
    ++observed;
    const workloads::ScopedRange range(observer, 1);
  });
  const auto before = GENERATE(Before::nothing, Before::uncounted_run);
  const auto counted =
      count_ranges(execution, {1}, {"a"}, {InRanges::always}, before, device, nullptr);
  CHECK(counted.runs == 6);  // three passes over the whole, three over the leaf
  CHECK(runs == 1 + (before == Before::nothing ? 1 : 2) * 6);  // and one that warms
  CHECK(observed == 1 + 3);
  CHECK(counted.whole == std::vector<double>{1});
}

TEST_CASE("a leaf entered again is the sum") {
  FakeDevice device;
  auto execution = executing(3);
  const auto counted =
      count_ranges(execution, {1, 3, 4}, {"a", "b"}, kAlways, kLedIn, device, nullptr);
  CHECK(counted.ranges[3] == std::vector<double>{3, 9});
}

TEST_CASE("ranges are split over sessions when one cannot hold them") {
  FakeDevice device;
  device.capacity = 1;
  auto execution = executing(1);
  const auto counted =
      count_ranges(execution, {1, 3, 4}, {"a", "b"}, kAlways, kLedIn, device, nullptr);
  CHECK(counted.sessions == 4);
  CHECK(counted.ranges[1] == std::vector<double>{1, 1});
  CHECK(counted.ranges[3] == std::vector<double>{1, 3});
  CHECK(counted.ranges[4] == std::vector<double>{1, 4});
}

TEST_CASE("ranges are counted for what they need") {
  FakeDevice device;
  auto execution = executing(1);
  const std::vector<std::string> hardware{"none", "a", "b", "none"};
  using enum InRanges;
  const auto counted =
      count_ranges(execution, {1, 4}, hardware, {unless_zero, never, unless_zero, always}, kLedIn,
                   device, nullptr);
  CHECK(device.asked == std::vector<std::vector<std::string>>{hardware, {"b", "none"}});
  CHECK(counted.range_hardware == 2);
  CHECK(counted.whole == std::vector<double>{0, 1, 99, 0});
  CHECK(counted.ranges[1] == std::vector<double>{0, 0, 1, 0});
  CHECK(counted.ranges[4] == std::vector<double>{0, 0, 4, 0});
}

TEST_CASE("ranges need no session when the whole tells all") {
  FakeDevice device;
  auto execution = executing(1);
  const auto counted =
      count_ranges(execution, {1, 5}, {"none"}, {InRanges::unless_zero}, kLedIn, device, nullptr);
  CHECK(counted.sessions == 1);
  CHECK(counted.ranges[1] == std::vector<double>{0});
  CHECK(counted.ranges[5].empty());  // never entered
}

TEST_CASE("an interruption ends the counting and is said") {
  FakeDevice device;
  auto execution = executing(1);
  const auto counted = count_ranges(execution, {1, 3, 4}, {"a"}, {InRanges::always}, kLedIn, device,
                                    [] { return true; });
  REQUIRE(counted.problems.size() == 1);
  CHECK(counted.problems.front().find("interrupted") != std::string::npos);
  CHECK(counted.whole.empty());
  CHECK(counted.ranges[1].empty());
}

TEST_CASE("counters that never end are given up") {
  FakeDevice device;
  device.needed_passes = 100000;
  auto execution = executing(1);
  const auto counted =
      count_ranges(execution, {1}, {"a"}, {InRanges::always}, kLedIn, device, nullptr);
  CHECK(counted.problems.size() == 1);
}

TEST_CASE("ranges whose counts do not come back are a problem, not zero") {
  FakeDevice device;
  device.lost = 1;
  auto execution = executing(1);
  const auto counted =
      count_ranges(execution, {1, 3, 4}, {"a"}, {InRanges::always}, kLedIn, device, nullptr);
  CHECK(counted.problems == std::vector<std::string>{"the counters came back for 2 of 3 ranges"});
  CHECK(counted.whole == std::vector<double>{1});
  for (const auto& range : counted.ranges) CHECK(range.empty());
}
