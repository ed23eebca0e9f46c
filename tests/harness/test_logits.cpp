#include <cmath>
#include <limits>

#include "harness/logits.hpp"

#include "tests/catch.hpp"

using namespace ssmprof;
using workloads::LogitsTable;

TEST_CASE("the relative error is the norm of the difference over the norm of the reference") {
  const LogitsTable a{1, 1, 2, {3, 4}};
  CHECK(harness::relative_error(a, a) == 0);
  CHECK(harness::relative_error({1, 1, 2, {3, 5}}, a) == Approx(0.2));
  CHECK(std::isinf(harness::relative_error({1, 2, 1, {3, 4}}, a)));
  const float nan = std::numeric_limits<float>::quiet_NaN();
  CHECK(std::isinf(harness::relative_error({1, 1, 2, {3, nan}}, a)));
  CHECK(std::isinf(harness::relative_error(a, {1, 1, 2, {0, 0}})));
}

TEST_CASE("the divergence is zero for equal and for shifted logits and positive otherwise") {
  const LogitsTable a{1, 2, 2, {0, 0, 1000, 1001}};
  CHECK(harness::mean_kl(a, a) == Approx(0).margin(1e-12));
  CHECK(harness::mean_kl({1, 2, 2, {5, 5, 0, 1}}, a) == Approx(0).margin(1e-12));
  // Position 0: p = (1/2, 1/2) against q = (2/3, 1/3); position 1 agrees.
  const float log2 = std::log(2.0F);
  const double expected = 0.5 * (std::log(0.5 / (2.0 / 3)) + std::log(0.5 / (1.0 / 3))) / 2;
  CHECK(harness::mean_kl({1, 2, 2, {log2, 0, 0, 1}}, a) == Approx(expected).epsilon(1e-6));
}

TEST_CASE("finite means every value, and at least one") {
  CHECK(harness::all_finite({1, 1, 1, {1}}));
  CHECK_FALSE(harness::all_finite({1, 1, 0, {}}));
  CHECK_FALSE(harness::all_finite({1, 1, 1, {std::numeric_limits<float>::infinity()}}));
}
