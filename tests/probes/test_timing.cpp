#include <cmath>

#include "probes/interleaved.hpp"
#include "probes/metrics.hpp"
#include "probes/registry.hpp"
#include "reports/error.hpp"

#include "tests/catch.hpp"
#include "tests/probes/fake_execution.hpp"

using namespace ssmprof;
using namespace ssmprof::probes;
using namespace ssmprof::probes::testing;
using std::chrono::microseconds;

namespace {

/// embedding 200 µs, conv 200 µs, ssd 600 µs, head 200 µs.
void body(workloads::RangeObserver* observer) {
  const workloads::ScopedRange forward(observer, 0);
  const auto run = [&](int range, int time) {
    const workloads::ScopedRange scope(observer, range);
    spin(microseconds(time));
  };
  run(1, 200);
  {
    const workloads::ScopedRange layer(observer, 2);
    run(3, 200);
    run(4, 600);
  }
  run(5, 200);
}

ProbeOptions quick() {
  ProbeOptions options;
  options.warmup_seconds = 0.01;
  options.min_samples = 10;
  options.max_seconds = 2;
  options.target_interval = 0.05;
  return options;
}

double value(const std::vector<reports::Metric>& metrics, const char* id) {
  const auto* metric = find_metric(metrics, id);
  REQUIRE(metric != nullptr);
  REQUIRE(metric->value.has_value());
  return *metric->value;
}

int polls = 0;

}  // namespace

TEST_CASE("ranges, groups and the whole are timed and sum up") {
  workloads::ExecutionSpec spec;
  spec.batch = 2;
  spec.length = 64;
  FakeExecution execution(spec, small_tree(), body);
  auto target = laid_out(execution);
  measure_interleaved({&execution}, quick(), {&target});
  const double whole = value(target.metrics, "time");
  CHECK(whole >= 1200e-6);
  CHECK(value(target.ranges[4].metrics, "time") >= 600e-6);
  const double leaves =
      value(target.ranges[1].metrics, "time") + value(target.ranges[3].metrics, "time") +
      value(target.ranges[4].metrics, "time") + value(target.ranges[5].metrics, "time");
  CHECK(leaves == Approx(1200e-6).epsilon(0.05));
  const auto& layer = *find_metric(target.ranges[2].metrics, "time");
  const auto& conv = *find_metric(target.ranges[3].metrics, "time");
  const auto& ssd = *find_metric(target.ranges[4].metrics, "time");
  REQUIRE(layer.samples.size() == conv.samples.size());
  for (std::size_t i = 0; i < layer.samples.size(); ++i) {
    CHECK(layer.samples[i] == Approx(conv.samples[i] + ssd.samples[i]));
  }
  CHECK(value(target.metrics, "time_other") >= 0);
  CHECK(value(target.metrics, "tokens_per_second") == Approx(128 / whole).epsilon(1e-6));
  CHECK(value(target.metrics, "flops_per_second") == Approx(6700 / whole).epsilon(1e-6));
  CHECK(find_metric(target.metrics, "ttft") != nullptr);
  CHECK(find_metric(target.metrics, "tpot") == nullptr);
  CHECK(find_metric(target.metrics, "time")->samples.size() >= 10);
  REQUIRE(find_metric(target.metrics, "time")->interval);
  CHECK(execution.observed_runs >= 10);
  CHECK(execution.token_runs >= 10);
}

TEST_CASE("decode reports the time per output token as a mean") {
  workloads::ExecutionSpec spec;
  spec.mode = workloads::Mode::decode;
  spec.batch = 3;
  FakeExecution execution(spec, small_tree(), body);
  auto target = laid_out(execution);
  measure_interleaved({&execution}, quick(), {&target});
  const auto& tpot = *find_metric(target.metrics, "tpot");
  double mean = 0;
  for (double x : tpot.samples) mean += x / static_cast<double>(tpot.samples.size());
  CHECK(*tpot.value == Approx(mean));
  REQUIRE(tpot.interval);
  CHECK(tpot.interval->low < mean);
  CHECK(value(target.metrics, "tokens_per_second") ==
        Approx(3 / value(target.metrics, "time")).epsilon(1e-6));
}

TEST_CASE("variants are interleaved forward and backward, in at least 20 pairs") {
  std::string order;
  const auto nothing = [](workloads::RangeObserver*) { spin(microseconds(20)); };
  FakeExecution a({}, small_tree(), nothing), b({}, small_tree(), nothing);
  a.log = b.log = &order;
  b.tag = 'B';
  auto first = laid_out(a), second = laid_out(b);
  auto options = quick();
  options.warmup_seconds = 0;
  options.target_interval = 10;  // at once narrow enough
  measure_interleaved({&a, &b}, options, {&first, &second});
  const auto& samples = find_metric(first.metrics, "time")->samples;
  CHECK(samples.size() == 20);
  CHECK(find_metric(second.metrics, "time")->samples.size() == 20);
  // Warm-up A B, then per round plain and instrumented: AB AB, BA BA, …
  CHECK(order.substr(0, 10) == "ABABABBABA");
}

TEST_CASE("measuring stops early when the median is known, late when it is not") {
  FakeExecution steady({}, small_tree(), body);
  auto target = laid_out(steady);
  auto options = quick();
  options.target_interval = 10;  // narrow enough as soon as there is an interval
  measure_interleaved({&steady}, options, {&target});
  CHECK(find_metric(target.metrics, "time")->samples.size() == 10);

  int turn = 0;
  FakeExecution noisy({}, small_tree(),
                      [&](workloads::RangeObserver*) { spin(microseconds(++turn % 7 * 100)); });
  auto other = laid_out(noisy);
  options.target_interval = 0.001;
  options.max_samples = 60;
  measure_interleaved({&noisy}, options, {&other});
  CHECK(find_metric(other.metrics, "time")->samples.size() == 60);
  CHECK(has_diagnostic(other, "time.wide_interval"));
}

TEST_CASE("too slow for the time allowed is said") {
  FakeExecution slow({}, small_tree(),
                     [](workloads::RangeObserver*) { spin(microseconds(20000)); });
  auto target = laid_out(slow);
  auto options = quick();
  options.max_seconds = 0.1;
  measure_interleaved({&slow}, options, {&target});
  CHECK(has_diagnostic(target, "time.few_samples"));
  CHECK(find_metric(target.metrics, "time")->value.has_value());
}

TEST_CASE("past a time the fewest samples are enough, however they scatter") {
  int runs = 0;
  FakeExecution noisy({}, small_tree(), [&](workloads::RangeObserver*) {
    spin(microseconds(++runs % 2 == 0 ? 2000 : 6000));
  });
  auto target = laid_out(noisy);
  auto options = quick();
  options.target_interval = 1e-6;
  options.enough_seconds = 0.2;
  measure_interleaved({&noisy}, options, {&target});
  const auto samples = find_metric(target.metrics, "time")->samples.size();
  CHECK(samples >= 10);
  CHECK(samples < 100);
  CHECK_FALSE(has_diagnostic(target, "time.few_samples"));
}

TEST_CASE("an interruption keeps whole rounds only") {
  polls = 0;
  FakeExecution execution({}, small_tree(), body);
  auto target = laid_out(execution);
  auto options = quick();
  options.warmup_seconds = 0;
  options.interrupted = [] { return ++polls > 10; };
  measure_interleaved({&execution}, options, {&target});
  const auto& time = *find_metric(target.metrics, "time");
  CHECK(time.samples.size() >= 1);
  CHECK(time.samples.size() < 5);
  CHECK(find_metric(target.metrics, "ttft")->samples.size() == time.samples.size());
  CHECK(has_diagnostic(target, "time.few_samples"));

  auto nothing = laid_out(execution);
  options.interrupted = [] { return true; };
  measure_interleaved({&execution}, options, {&nothing});
  const auto& absent = *find_metric(nothing.metrics, "time");
  CHECK_FALSE(absent.value.has_value());
  CHECK(absent.reason.find("interrupted") != std::string::npos);
}

TEST_CASE("instrumentation that slows the run down is said") {
  FakeExecution execution({}, small_tree(), [](workloads::RangeObserver* observer) {
    spin(microseconds(observer == nullptr ? 500 : 700));
  });
  auto target = laid_out(execution);
  measure_interleaved({&execution}, quick(), {&target});
  CHECK(has_diagnostic(target, "time.instrumentation"));
}
