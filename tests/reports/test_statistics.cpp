#include <cmath>
#include <random>

#include "reports/statistics.hpp"

#include "../catch.hpp"

using namespace ssmprof::reports;

namespace {

std::vector<double> draw(std::mt19937_64& random, int n, double scale = 1, double sigma = 0.02) {
  std::lognormal_distribution<double> distribution(0, sigma);
  std::vector<double> values(static_cast<std::size_t>(n));
  for (double& v : values) v = scale * distribution(random);
  return values;
}

}  // namespace

TEST_CASE("the median of odd and even counts, and of nothing") {
  CHECK(median(std::vector<double>{3, 1, 2}) == 2);
  CHECK(median(std::vector<double>{4, 1, 2, 3}) == 2.5);
  CHECK(std::isnan(median({})));
}

TEST_CASE("binomial probabilities are exact") {
  CHECK(binomial_half_cdf(-1, 10) == 0);
  CHECK(binomial_half_cdf(10, 10) == 1);
  CHECK(binomial_half_cdf(0, 10) == Approx(1.0 / 1024).epsilon(1e-12));
  CHECK(binomial_half_cdf(2, 10) == Approx(56.0 / 1024).epsilon(1e-12));
  CHECK(binomial_half_cdf(499, 1000) == Approx(0.4873874).epsilon(1e-6));
}

TEST_CASE("the interval's ranks and levels are those of the tables") {
  std::vector<double> values;
  for (int i = 1; i <= 5; ++i) values.push_back(i);
  CHECK_FALSE(median_interval(values).interval);
  CHECK(median_interval(values).reason == "no interval: 5 samples, at least 6 needed");
  CHECK_FALSE(median_interval({}).interval);
  values.push_back(6);
  const auto six = median_interval(values).interval;
  REQUIRE(six);
  CHECK(six->low == 1);
  CHECK(six->high == 6);
  CHECK(six->level == Approx(1 - 2.0 / 64));
  for (int i = 7; i <= 20; ++i) values.push_back(i);
  const auto twenty = median_interval(values).interval;  // ranks 6 and 15, 95.86 %
  REQUIRE(twenty);
  CHECK(twenty->low == 6);
  CHECK(twenty->high == 15);
  CHECK(twenty->level == Approx(0.9586).epsilon(1e-3));
}

TEST_CASE("the interval covers the median as often as it says") {
  std::mt19937_64 random(7);
  const int trials = 4000;
  for (int n : {6, 10, 25}) {
    int covered = 0;
    double level = 0;
    for (int t = 0; t < trials; ++t) {
      const auto i = median_interval(draw(random, n)).interval;
      covered += i->low <= 1 && 1 <= i->high ? 1 : 0;
      level = i->level;
    }
    CHECK(std::abs(covered / double(trials) - level) < 0.012);
  }
}

TEST_CASE("paired ratios: exact, refused, found") {
  const std::vector<double> a = {1, 2, 4, 8, 16, 32};
  std::vector<double> b = a;
  for (double& v : b) v *= 1.5;
  const auto r = paired_log_ratio(a, b);
  CHECK(*r.ratio == Approx(1.5));
  CHECK(r.interval->low == Approx(1.5));
  CHECK(paired_log_ratio(a, std::vector<double>{1}).reason ==
        "no pairs: 6 baseline samples, 1 candidate samples");
  CHECK(paired_log_ratio({}, {}).reason == "no samples");
  b[2] = 0;
  CHECK_FALSE(paired_log_ratio(a, b).ratio);
  b[2] = std::nan("");
  CHECK_FALSE(paired_log_ratio(a, b).ratio);
}

TEST_CASE("paired ratios see through noise that both sides share") {
  std::mt19937_64 random(11);
  int found = 0;
  int false_positives = 0;
  const int trials = 1000;
  for (int t = 0; t < trials; ++t) {
    const auto shared = draw(random, 20, 1, 0.3);
    auto base = draw(random, 20);
    auto same = draw(random, 20);
    for (std::size_t i = 0; i < 20; ++i) {
      base[i] *= shared[i];
      same[i] *= shared[i];
    }
    auto slower = same;
    for (double& v : slower) v *= 1.05;
    const auto null = paired_log_ratio(base, same).interval;
    false_positives += null->low > 1 || null->high < 1 ? 1 : 0;
    found += paired_log_ratio(base, slower).interval->low > 1 ? 1 : 0;
  }
  CHECK(false_positives <= 0.05 * trials);
  CHECK(found >= 0.98 * trials);
}

TEST_CASE("unpaired ratios cover at their level and their p-value bounds false positives") {
  std::mt19937_64 random(13);
  int outside = 0;
  int rejected = 0;
  int found = 0;
  const int trials = 2000;
  for (int t = 0; t < trials; ++t) {
    const auto a = draw(random, 20);
    const auto b = draw(random, 20);
    const auto r = unpaired_ratio(a, b).interval;
    outside += r->low > 1 || r->high < 1 ? 1 : 0;
    rejected += unpaired_p_above(a, b, 1) <= 0.05 ? 1 : 0;
    found += unpaired_p_above(a, draw(random, 20, 1.05), 1) <= 0.05 ? 1 : 0;
  }
  CHECK(outside <= 0.05 * trials);
  CHECK(rejected <= 0.05 * trials);
  CHECK(found >= 0.98 * trials);
  CHECK_FALSE(unpaired_ratio(std::vector<double>(6, 1.0), std::vector<double>(6, 1.0)).interval);
  CHECK_FALSE(unpaired_ratio({}, std::vector<double>{1}).ratio);
  CHECK_FALSE(unpaired_ratio(std::vector<double>{-1}, std::vector<double>{1}).ratio);
  CHECK(unpaired_p_above({}, {}, 1) == 1);
}

TEST_CASE("the sign test is exact and leaves ties out") {
  CHECK(sign_test_above(std::vector<double>{1, 1, 1, 1, 1}, 0) == Approx(1.0 / 32));
  CHECK(sign_test_above(std::vector<double>{1, -1}, 0) == Approx(0.75));
  CHECK(sign_test_above(std::vector<double>{1, 0, 0}, 0) == Approx(0.5));
  CHECK(sign_test_above(std::vector<double>{0, 0}, 0) == 1);
}

TEST_CASE("Holm's adjusted p-values") {
  const auto p = holm(std::vector<double>{0.01, 0.04, 0.03, 0.005});
  CHECK(p[0] == Approx(0.03));
  CHECK(p[1] == Approx(0.06));
  CHECK(p[2] == Approx(0.06));
  CHECK(p[3] == Approx(0.02));
  CHECK(holm({}).empty());
  CHECK(holm(std::vector<double>{0.9, 0.8})[0] == 1);
}

TEST_CASE("the smallest detectable effect is found with about 80 % power") {
  std::mt19937_64 random(17);
  const auto probe = [&] { return paired_log_ratio(draw(random, 40), draw(random, 40)); };
  double mean = 0;
  for (int t = 0; t < 400; ++t) {
    const auto r = probe();
    mean += smallest_detectable_effect(*r.interval, *r.ratio) / 400;
  }
  int found = 0;
  for (int t = 0; t < 1000; ++t) {
    const auto a = draw(random, 40);
    found += paired_log_ratio(a, draw(random, 40, 1 + mean)).interval->low > 1 ? 1 : 0;
  }
  CHECK(found > 700);
  CHECK(found < 950);
}
