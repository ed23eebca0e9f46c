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
