#pragma once

namespace ssmprof::workloads {

/// Natural logarithm and exponential from basic arithmetic in a fixed order, each operation rounded
/// on its own: bit-identical on every IEEE machine, which a C library's are not. Within 1e-15
/// relative (of max(1, |log x|) for the logarithm). For positive normal x and |x| < 700.
double exact_log(double x);
double exact_exp(double x);

/// a·b, rounded on its own: no compiler fuses it into an addition that follows.
double rounded_product(double a, double b);

}  // namespace ssmprof::workloads
