#include <bit>
#include <cmath>
#include <limits>
#include <vector>

#include "kernels/cpu/convert.hpp"

#include "tests/kernels/run_cpu.hpp"

using namespace ssmprof::kernels;
using namespace ssmprof::kernels::cases;

namespace {

/// Values of every magnitude and both signs, with the places where the functions change.
std::vector<float> sample_values() {
  std::vector<float> x = {0.0F, -0.0F, 20.0F, -20.0F, 1e-30F, -1e-30F, 88.7F, -87.3F, 1e30F};
  for (std::uint32_t bits = 0; bits < 0x7f800000U; bits += 9973) {
    x.push_back(std::bit_cast<float>(bits));
    x.push_back(-std::bit_cast<float>(bits));
  }
  for (int i = -40000; i <= 40000; ++i) x.push_back(static_cast<float>(i) * 0.0037F);
  return x;
}

/// |got − expected| in units of fp32's spacing at `expected`, for normal results.
double ulps(double expected, double got) {
  int exponent = 0;
  std::frexp(expected, &exponent);
  return std::abs(got - expected) / std::ldexp(1.0, exponent - 24);
}

template <typename Exact>
void check_function(void (*function)(const float*, float*, std::int64_t), const Exact& exact,
                    double allowed, double tiny = 2e-38) {
  const std::vector<float> x = sample_values();
  std::vector<float> y(x.size());
  function(x.data(), y.data(), static_cast<std::int64_t>(x.size()));
  double worst = 0.0;
  float worst_at = 0.0F;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double expected = exact(static_cast<double>(x[i]));
    const double got = y[i];
    if (std::abs(expected) > static_cast<double>(std::numeric_limits<float>::max())) {
      if (!std::isinf(got)) worst = HUGE_VAL, worst_at = x[i];
      continue;
    }
    // Results below `tiny`, where fp32 runs out of precision, count in units of it.
    const double error =
        std::abs(expected) < tiny ? std::abs(got - expected) / tiny : ulps(expected, got);
    if (!(error <= worst)) worst = error, worst_at = x[i];
  }
  INFO("worst at " << worst_at);
  CHECK(worst <= allowed);
}

}  // namespace

TEST_CASE("2^x, softplus and SiLU are precise over the whole range") {
  for (const auto isa : supported_isas()) {
    const cpu::InnerLoops& loops = cpu::inner_loops(isa);
    INFO(cpu::name_of(isa));
    check_function(
        loops.exp2_rows, [](double x) { return std::exp2(x); }, 2.0);
    check_function(
        loops.softplus_rows, [](double x) { return reference::softplus(x); }, 3.0);
    check_function(
        loops.silu_rows, [](double x) { return reference::silu(x); }, 4.0, 2e-36);
  }
}

TEST_CASE("exponentials at the ends of the range") {
  const float inf = std::numeric_limits<float>::infinity();
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const auto isa : supported_isas()) {
    const cpu::InnerLoops& loops = cpu::inner_loops(isa);
    INFO(cpu::name_of(isa));
    const std::vector<float> x = {-inf, -1e30F, -151.0F, 0.0F, inf, 1e30F, 128.0F, nan};
    std::vector<float> y(x.size());
    loops.exp2_rows(x.data(), y.data(), static_cast<std::int64_t>(x.size()));
    CHECK(y[0] == 0.0F);
    CHECK(y[1] == 0.0F);
    CHECK(y[2] == 0.0F);
    CHECK(y[3] == 1.0F);
    CHECK(y[4] == inf);
    CHECK(y[5] == inf);
    CHECK(y[6] == inf);
    CHECK(std::isnan(y[7]));
    loops.softplus_rows(x.data(), y.data(), static_cast<std::int64_t>(x.size()));
    CHECK(y[0] == 0.0F);
    CHECK(y[4] == inf);
    CHECK(y[5] == 1e30F);
    CHECK(std::isnan(y[7]));
  }
}

TEST_CASE("fp16 and bf16 conversions: every pattern, and rounding to nearest even") {
  std::vector<std::uint16_t> patterns(65536);
  for (std::size_t i = 0; i < patterns.size(); ++i) patterns[i] = static_cast<std::uint16_t>(i);
  for (const auto isa : supported_isas()) {
    const cpu::InnerLoops& loops = cpu::inner_loops(isa);
    INFO(cpu::name_of(isa));
    for (const DType type : {DType::f16, DType::bf16}) {
      std::vector<float> values(patterns.size());
      std::vector<std::uint16_t> back(patterns.size());
      loops.load_row(type, patterns.data(), 0, 65536, values.data(), 65536);
      loops.store_row(type, values.data(), 65536, back.data(), 0);
      std::int64_t wrong = 0, wrong_rounding = 0;
      for (std::size_t i = 0; i < patterns.size(); ++i) {
        const double expected =
            reference::value(type, patterns.data(), static_cast<std::int64_t>(i));
        if (std::isnan(expected)) {
          wrong += !std::isnan(values[i]) ||
                   !std::isnan(reference::value(type, back.data(), static_cast<std::int64_t>(i)));
          continue;
        }
        wrong += static_cast<double>(values[i]) != expected || back[i] != patterns[i];
      }
      CHECK(wrong == 0);
      // Between neighbours: a little below the middle, the middle, a little above.
      std::vector<float> between;
      std::vector<std::uint16_t> expected;
      const std::uint16_t last = type == DType::f16 ? 0x7bff : 0x7f7f;
      for (std::uint16_t i = 0; i < last; ++i) {
        const double low = reference::value(type, patterns.data(), i);
        const double high = reference::value(type, patterns.data(), i + 1);
        const auto middle = static_cast<float>(0.5 * (low + high));
        if (middle < 1e-37F && type == DType::bf16) continue;
        const float nudge[] = {std::nextafter(middle, 0.0F), middle,
                               std::nextafter(middle, HUGE_VALF)};
        const std::uint16_t even = (i & 1) == 0 ? i : static_cast<std::uint16_t>(i + 1);
        const std::uint16_t to[] = {i, even, static_cast<std::uint16_t>(i + 1)};
        for (int k = 0; k < 3; ++k) {
          between.push_back(nudge[k]);
          expected.push_back(to[k]);
          between.push_back(-nudge[k]);
          expected.push_back(static_cast<std::uint16_t>(to[k] | 0x8000));
        }
      }
      std::vector<std::uint16_t> rounded(between.size());
      loops.store_row(type, between.data(), static_cast<std::int64_t>(between.size()),
                      rounded.data(), 0);
      for (std::size_t i = 0; i < between.size(); ++i) {
        wrong_rounding += rounded[i] != expected[i];
        const std::uint16_t scalar = type == DType::f16
                                         ? cpu::from_float<cpu::F16>(between[i]).bits
                                         : cpu::from_float<cpu::Bf16>(between[i]).bits;
        wrong_rounding += scalar != expected[i];
      }
      CHECK(wrong_rounding == 0);
      // Overflow becomes infinity.
      const float huge[] = {3.4e38F, -3.4e38F, type == DType::f16 ? 65520.0F : 3.4e38F};
      std::uint16_t big[3];
      loops.store_row(type, huge, 3, big, 0);
      const std::uint16_t infinity = type == DType::f16 ? 0x7c00 : 0x7f80;
      CHECK(big[0] == infinity);
      CHECK(big[1] == (infinity | 0x8000));
      CHECK(big[2] == infinity);
    }
  }
}

TEST_CASE("the kernels without CUDA name what is missing") {
#if !defined(SSMPROF_HAS_CUDA)
  ScanCase test({.length = 2, .channels = 3, .state = 4});
  CHECK_THROWS_AS(selective_scan(test.args(host_place), Launch{Device::cuda}), std::runtime_error);
  CHECK_THROWS_AS(selective_scan_workspace(test.args(host_place), Launch{Device::cuda}),
                  std::runtime_error);
#endif
  CHECK(cpu::supported(cpu::Isa::baseline));
  CHECK(cpu::name_of(cpu::inner_loops(cpu::Isa::baseline).isa) == "baseline");
}
