#include <algorithm>

#include "probes/doctor.hpp"
#include "probes/environment.hpp"
#include "probes/metrics.hpp"
#include "probes/occupancy.hpp"
#include "probes/registry.hpp"
#include "reports/error.hpp"

#include "tests/catch.hpp"
#include "tests/probes/fake_execution.hpp"

using namespace ssmprof;
using namespace ssmprof::probes;
using namespace ssmprof::probes::testing;

TEST_CASE("probes come in phase order") {
  const auto probes = ordered_probes();
  std::vector<std::string> names;
  for (const auto& probe : probes) names.emplace_back(probe->name());
  CHECK(names == std::vector<std::string>{"analytic", "memory", "nvtx", "graph", "power", "time",
                                          "activity", "counters"});
  const auto chosen = select_probes({"counters", "time", "time"});
  REQUIRE(chosen.size() == 2);
  CHECK(chosen[0]->name() == "time");
  CHECK_THROWS_AS(select_probes({"tiem"}), reports::InputError);
  try {
    select_probes({"tiem"});
  } catch (const reports::InputError& error) {
    const std::string text = error.what();
    CHECK(text.find("tiem") != std::string::npos);
    CHECK(text.find("analytic") != std::string::npos);
  }
}

TEST_CASE("analytic costs sum from leaves to groups to the whole") {
  FakeExecution execution({}, small_tree(), [](workloads::RangeObserver*) {});
  auto target = laid_out(execution);
  select_probes({"analytic"}).front()->measure(execution, {}, target);
  CHECK(execution.plain_runs == 0);
  const auto value = [](const std::vector<reports::Metric>& metrics, const char* id) {
    return find_metric(metrics, id)->value.value();
  };
  CHECK(value(target.ranges[3].metrics, "flops") == 1000);
  CHECK(value(target.ranges[2].metrics, "flops") == 6000);
  CHECK(value(target.ranges[0].metrics, "flops") == 6700);
  CHECK(value(target.metrics, "flops") == 6700);
  CHECK(value(target.metrics, "transcendentals") == 30);
  CHECK(value(target.metrics, "bytes_min") == 1260);
  CHECK(value(target.ranges[2].metrics, "bytes_read_min") == 500);
  CHECK(value(target.ranges[2].metrics, "bytes_written_min") == 130);
  CHECK(value(target.metrics, "intensity") == Approx(6700.0 / 1260));
}

TEST_CASE("memory is reported as the allocator booked it") {
  FakeExecution execution({}, small_tree(), [](workloads::RangeObserver*) {});
  execution.memory = {1000, 200, 30, 4000};
  auto target = laid_out(execution);
  select_probes({"memory"}).front()->measure(execution, {}, target);
  CHECK(find_metric(target.metrics, "memory_weights")->value == 1000.0);
  CHECK(find_metric(target.metrics, "memory_state")->value == 200.0);
  CHECK(find_metric(target.metrics, "memory_activations_peak")->value == 30.0);
  CHECK(find_metric(target.metrics, "memory_allocated")->value == 4000.0);
}

TEST_CASE("what cannot measure here says why, on every number it would have given") {
  FakeExecution execution({}, small_tree(), [](workloads::RangeObserver*) {});  // on the CPU
  for (const char* name : {"activity", "counters", "power"}) {
    CAPTURE(name);
    const auto probe = std::move(select_probes({name}).front());
    const auto available = probe->available(execution.spec());
    REQUIRE_FALSE(available.ok);
    CHECK_FALSE(available.reason.empty());
    CHECK_FALSE(available.hint.empty());
    auto target = laid_out(execution);
    probe->missing_metrics(available, target);
    REQUIRE_FALSE(target.metrics.empty());
    for (const auto& metric : target.metrics) {
      CHECK_FALSE(metric.value.has_value());
      CHECK(metric.reason == available.reason);
      CHECK_FALSE(metric.unit.empty());
    }
  }
}

TEST_CASE("annotation runs without a tool attached") {
  const auto probe = std::move(select_probes({"nvtx"}).front());
  const auto ranges = small_tree();
  auto* observer = probe->ambient(ranges);
  if (!probe->available({}).ok) {
    CHECK(observer == nullptr);
    return;
  }
  REQUIRE(observer != nullptr);
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < 100000; ++i) {
    observer->enter(4);
    observer->leave(4);
  }
  const std::chrono::duration<double> time = std::chrono::steady_clock::now() - start;
  CHECK(time.count() / 100000 < 2e-6);
}

TEST_CASE("theoretical occupancy follows the limits of the multiprocessor") {
  Gpu gpu;
  gpu.max_threads_per_multiprocessor = 2048;
  gpu.max_blocks_per_multiprocessor = 32;
  gpu.registers_per_multiprocessor = 65536;
  gpu.shared_per_multiprocessor = 233472;
  gpu.reserved_shared_per_block = 1024;
  CHECK(theoretical_occupancy(gpu, 256, 32, 0) == 1.0);
  CHECK(theoretical_occupancy(gpu, 32, 16, 0) == 0.5);          // 32 blocks
  CHECK(theoretical_occupancy(gpu, 256, 128, 0) == 0.25);       // registers
  CHECK(theoretical_occupancy(gpu, 128, 32, 100000) == 0.125);  // shared memory
  CHECK(theoretical_occupancy(gpu, 0, 32, 0) == 0);
}

TEST_CASE("the environment is described with every key, and doctor says something of each") {
  const auto environment = describe_environment({});
  for (const char* key : {"cpu", "memory", "os", "threads", "gpu", "cuda", "libraries", "flags"}) {
    CAPTURE(key);
    CHECK(environment.contains(key));
  }
  CHECK(environment["threads"].get<int>() >= 1);
  CHECK(environment["gpu"].is_null());
  CHECK(environment["memory"].get<std::uint64_t>() > 0);
  for (const auto& check : diagnose()) {
    CAPTURE(check.name);
    CHECK_FALSE(check.finding.empty());
    CHECK(check.finding.find('\n') == std::string::npos);
  }
}
