// A safeguarded Newton iteration for the monotone equations of the theory.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

namespace overprune::theory {

/// What a function tells at x: `value` is positive left of the root and dimensionless, `next` is
/// where Newton goes.
struct Sample {
  double value;
  double next;
};

/// Root in [low, high], 0 < low, of a function that falls with x: Newton from `start`, bisection of
/// log x where Newton leaves the bracket, stops halving the error, or takes long steps that do not
/// get shorter: between two scales far apart Newton gains one power of e at a time. Ends at |value|
/// <= enough; where Newton's steps, which shrink quadratically, say that the next one is below
/// rounding; or where rounding, `noise` relative to x, rules. NaN where a value is.
template <class Function>
double falling_root(const Function& function, double low, double high, double start, double enough,
                    double noise) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  constexpr double epsilon = std::numeric_limits<double>::epsilon();
  constexpr double is_long = 0.1;
  constexpr int newtons = 100;
  double x = std::clamp(start, low, high), last = infinity, last_step = infinity;
  // The loop ends: from iteration `newtons` on each pass halves log(high / low), which is below
  // 1500, and 63 halvings leave neighbouring numbers.
  for (int iteration = 0;; ++iteration) {
    const Sample sample = function(x);
    const double error = std::abs(sample.value);
    if (std::isnan(error)) return error;
    if (error <= enough) break;
    double step = std::abs(sample.next - x) / x;
    const bool slow = error > 0.5 * last;
    if (step <= (slow ? noise : epsilon)) break;
    (sample.value > 0.0 ? low : high) = x;
    if (high <= low * (1.0 + 2.0 * epsilon)) break;
    const bool far = step > is_long;
    if (far) step = std::abs(std::log(sample.next / x));
    const bool newton = sample.next > low && sample.next < high && !slow &&
                        !(far && step > 0.9 * last_step) && iteration < newtons;
    // Steps s, then c s^2, predict that c (c s^2)^2 is left.
    const double ratio = step / last_step;
    const bool done = newton && last_step < 1.0 && ratio > 0.0 && ratio < 1e-2 &&
                      step * ratio * ratio < 0.1 * epsilon;
    const double next = newton ? sample.next : std::sqrt(low) * std::sqrt(high);
    if (!(next > low && next < high)) break;  // the bracket is as narrow as rounding
    x = next;
    if (done) break;
    last = newton ? error : infinity;
    last_step = newton ? step : infinity;
  }
  return x;
}

}  // namespace overprune::theory
