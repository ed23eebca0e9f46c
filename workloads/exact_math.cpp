#include "workloads/exact_math.hpp"

#include <cmath>

namespace ssmprof::workloads {

double rounded_product(double a, double b) {
  volatile double product = a * b;
  return product;
}

namespace {

constexpr double kLn2 = 0x1.62e42fefa39efp-1;
constexpr double kSqrtHalf = 0x1.6a09e667f3bcdp-1;

}  // namespace

double exact_log(double x) {
  int exponent = 0;
  double mantissa = std::frexp(x, &exponent);  // exact, in [0.5, 1)
  if (mantissa < kSqrtHalf) {
    mantissa = rounded_product(mantissa, 2);
    --exponent;
  }
  // log m = 2·artanh((m-1)/(m+1)), |argument| ≤ 0.172
  const double s = (mantissa - 1) / (mantissa + 1);
  const double square = rounded_product(s, s);
  double series = 0;
  for (int k = 25; k >= 1; k -= 2) series = rounded_product(series, square) + 1.0 / k;
  return rounded_product(exponent, kLn2) + rounded_product(rounded_product(2, s), series);
}

double exact_exp(double x) {
  const double periods = std::floor(x / kLn2 + 0.5);
  const double rest = x - rounded_product(periods, kLn2);  // |rest| ≤ 0.35
  double series = 1;
  for (int k = 18; k >= 1; --k) series = 1 + rounded_product(series, rest) / k;
  return std::ldexp(series, static_cast<int>(periods));
}

}  // namespace ssmprof::workloads
