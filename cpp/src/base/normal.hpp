// The standard normal distribution h ~ N(0, 1): density, tails, quantiles and truncated moments.
#pragma once

#include <cmath>
#include <numbers>

namespace overprune::normal {

inline constexpr double kRootTwoPi = 2.5066282746310002;

inline double density(double x) { return std::exp(-0.5 * x * x) / kRootTwoPi; }
/// The same up to the last digit, without a division: for inner loops over paths.
inline double density_by_product(double x) { return std::exp(-0.5 * x * x) * (1.0 / kRootTwoPi); }

/// P(h < x), accurate where it is small.
inline double lower_tail(double x) { return 0.5 * std::erfc(-x / std::numbers::sqrt2); }
/// P(h > x), accurate where it is small.
inline double upper_tail(double x) { return 0.5 * std::erfc(x * std::sqrt(0.5)); }
/// P(|h| > x), accurate where it is small.
inline double outside(double x) { return std::erfc(x * std::sqrt(0.5)); }
/// P(|h| < x), accurate where it is small.
inline double inside(double x) { return std::erf(x * std::sqrt(0.5)); }
/// P(low < h <= high), accurate where it is small.
inline double between(double low, double high) {
  const double root = std::sqrt(0.5);
  if (low > 0.0) return 0.5 * (std::erfc(low * root) - std::erfc(high * root));
  return 0.5 * (std::erfc(-high * root) - std::erfc(-low * root));
}

/// E[h^2; |h| < x], without cancellation for small x.
/// @param within  P(|h| < x)
/// @param excess  2 x density(x), which is P(|h| < x) less the result
inline double inner_square(double x, double within, double excess) {
  if (x >= 1.5) return within - excess;
  double term = x * x * x / 3.0, sum = 0.0;
  for (int j = 2; term > 1e-17 * sum; ++j) {
    sum += term;
    term *= x * x / (2 * j + 1);
  }
  return 2.0 * density(x) * sum;
}

/// x with P(h > x) = p <= 1/2 to 5e-4: Abramowitz and Stegun, 26.2.23.
inline double rough_upper_quantile(double p) {
  const double t = std::sqrt(-2.0 * std::log(p));
  return t - (2.515517 + t * (0.802853 + t * 0.010328)) /
                 (1.0 + t * (1.432788 + t * (0.189269 + t * 0.001308)));
}

/// x with P(h > x) = p, to about 1e-10: one step of Halley's method.
inline double upper_quantile(double p) {
  if (p > 0.5) return -upper_quantile(1.0 - p);
  const double x = rough_upper_quantile(p);
  const double step = (upper_tail(x) - p) / density_by_product(x);
  return x + step / (1.0 - 0.5 * x * step);
}

/// x with P(|h| > x) = kept = 1 - dropped, to rounding. Both are given, so that neither end loses
/// digits.
inline double outside_quantile(double kept, double dropped) {
  if (dropped <= 0.5) {  // a series, then Halley's method
    const double d = dropped * dropped;
    double x =
        0.5 * kRootTwoPi * dropped * (1.0 + d * (0.2617993877991494 + d * 0.14393173084921979));
    for (int i = 0; i < 2; ++i) {
      const double step = (inside(x) - dropped) / (2.0 * density(x));
      x -= step / (1.0 + 0.5 * x * step);
    }
    return x;
  }
  double x = rough_upper_quantile(0.5 * kept);
  for (int i = 0; i < 3 && kept > 1e-290; ++i) {  // Newton's method for the logarithm
    const double tail = outside(x);
    x += std::log(tail / kept) * tail / (2.0 * density(x));
  }
  return x;
}

}  // namespace overprune::normal
