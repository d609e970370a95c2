// A safeguarded Newton iteration for the monotone equations of the theory.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

namespace overprune::theory {

/// What a function tells at x: `value` is positive left of the root and dimensionless, `next` is where Newton
/// goes.
struct Sample {
  double value;
  double next;
};

/// Root in [low, high], 0 < low, of a function that falls with x: Newton from `start`, bisection of log x
/// where Newton leaves the bracket or stops halving the error. Ends at |value| <= enough; where Newton's
/// steps, which shrink quadratically, say that the next one is below rounding; or where rounding, `noise`
/// relative to x, rules.
template <class Function>
double falling_root(const Function& function, double low, double high, double start, double enough,
                    double noise) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  constexpr double epsilon = std::numeric_limits<double>::epsilon();
  double x = std::clamp(start, low, high), last = infinity, last_step = infinity;
  for (int iteration = 0; iteration < 200; ++iteration) {
    const Sample sample = function(x);
    const double error = std::abs(sample.value), step = std::abs(sample.next - x) / x;
    if (error <= enough) break;
    const bool slow = error > 0.5 * last;
    if (step <= (slow ? noise : epsilon)) break;
    (sample.value > 0.0 ? low : high) = x;
    if (high <= low * (1.0 + 2.0 * epsilon)) break;
    const bool newton = sample.next > low && sample.next < high && !slow;
    // Steps s, then c s^2, predict that c (c s^2)^2 is left.
    const double ratio = step / last_step;
    const bool done = newton && ratio > 0.0 && ratio < 1e-2 && step * ratio * ratio < 0.1 * epsilon;
    x = newton ? sample.next : std::sqrt(low) * std::sqrt(high);
    if (done) break;
    last = newton ? error : infinity;
    last_step = newton ? step : infinity;
  }
  return x;
}

}  // namespace overprune::theory
