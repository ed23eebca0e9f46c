#include "harness/roofline.hpp"

#include "tests/catch.hpp"

using namespace ssmprof;

TEST_CASE("the floor of a cost is the larger of its memory and compute times") {
  const workloads::Ceilings ceilings{100.0, 1000.0};
  CHECK(*harness::floor_time(kernels::Cost{5000, 0, 100, 100}, ceilings) == Approx(5.0));
  CHECK(*harness::floor_time(kernels::Cost{1000, 0, 300, 100}, ceilings) == Approx(4.0));
  CHECK_FALSE(harness::floor_time(kernels::Cost{1, 0, 1, 1}, {0, 1000}).has_value());
}

TEST_CASE("the floor of a step adds its leaves and no groups") {
  workloads::RangeSpec group, leaf;
  group.id = "forward";
  group.cost = {1000000, 0, 0, 0};
  leaf.leaf = true;
  leaf.parent = 0;
  leaf.cost = {2000, 0, 0, 0};
  CHECK(*harness::floor_time(std::vector{group, leaf, leaf}, {100.0, 1000.0}) == Approx(4.0));
}

namespace {

reports::Metric metric(const char* id, double value) {
  reports::Metric m;
  m.id = id;
  m.value = value;
  return m;
}

}  // namespace

TEST_CASE("what a component did is divided by what each resource can do") {
  const workloads::Ceilings ceilings{100.0, 1000.0, 90.0, 95.0};
  const std::vector<reports::Metric> whole = {
      metric("peak_fp32", 50), metric("peak_instructions", 20), metric("peak_transcendentals", 8)};
  std::vector<reports::Metric> row = {metric("time", 10),
                                      metric("bytes_min", 700),
                                      metric("flops", 3000),
                                      metric("dram_read", 500),
                                      metric("dram_write", 300),
                                      metric("flops_issued", 4100),
                                      metric("flops_tensor", 4000),
                                      metric("kernel_time", 9.5),
                                      metric("transcendentals_issued", 16),
                                      metric("instructions_issued", 90)};
  const std::map<std::string, double> counted = {
      {"dram", 8}, {"tensor", 4}, {"fp32", 2}, {"mufu", 2}, {"issue", 4.5}};
  CHECK(harness::limits(row, whole, ceilings) == counted);
  // Without counters the formulas stand in.
  const std::map<std::string, double> stated = {{"dram", 7}, {"compute", 3}};
  row.resize(3);
  CHECK(harness::limits(row, {}, ceilings) == stated);
}

TEST_CASE("the longest limit binds when it takes half of the time or more") {
  const std::map<std::string, double> limits = {{"dram", 6}, {"issue", 3}};
  CHECK(harness::binding(limits, 12.0, 10.0).limit == "dram");
  CHECK(*harness::binding(limits, 12.0, 10.0).share == Approx(0.6));
  CHECK(harness::binding(limits, 20.0, 11.9).limit == "dram");  // the host's wait is no latency
  CHECK(harness::binding(limits, 20.0, 19.0).limit == "latency");
  CHECK(harness::binding(limits, 20.0, 9.0).limit == "launch");
  CHECK(harness::binding(limits, 10.0, std::nullopt).limit == "dram");
  CHECK(harness::binding(limits, 20.0, std::nullopt).limit == "latency");
  CHECK_FALSE(harness::binding(limits, 20.0, 5.0).limit.has_value());
  const auto exceeded = harness::binding(limits, 5.0, std::nullopt);
  CHECK_FALSE(exceeded.limit.has_value());
  CHECK(exceeded.reason.find("dram") == 0);
  CHECK_FALSE(harness::binding({}, 5.0, std::nullopt).limit.has_value());
  CHECK_FALSE(harness::binding(limits, std::nullopt, std::nullopt).limit.has_value());
}
