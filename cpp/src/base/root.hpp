// The safeguarded root finder: Newton's method for monotone functions of a positive number.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

namespace overprune {

/// What a function tells at x: `value` is positive left of the root and dimensionless, `next` is
/// where Newton goes.
struct Sample {
  double value;
  double next;
};

/// The steps of `falling_root` between the ends of a bracket.
class RootBracket {
 public:
  RootBracket(double low, double high, double noise, double far)
      : low_(low), high_(high), noise_(noise), far_(far) {}

  /// Goes on from x; false where x is the root.
  bool step(double& x, const Sample& sample) {
    const double error = std::abs(sample.value);
    const bool slow = error > 0.5 * last_error_;
    double step = std::abs(sample.next - x) / x;
    if (step <= (slow ? noise_ : kEpsilon)) return false;
    (sample.value > 0.0 ? low_ : high_) = x;
    if (high_ <= low_ * (1.0 + 2.0 * kEpsilon)) return false;
    const bool far = step > far_;
    if (far) step = std::abs(std::log(sample.next / x));
    const bool newton =
        holds(sample.next) && !slow && !(far && step > 0.9 * last_step_) && iteration_ < kNewtons;
    const bool done = newton && predicts_end(step);
    const double next = newton ? sample.next : std::sqrt(low_) * std::sqrt(high_);
    if (!holds(next)) return false;  // the bracket is as narrow as rounding
    x = next;
    last_error_ = newton ? error : kInfinity;
    last_step_ = newton ? step : kInfinity;
    ++iteration_;
    return !done;
  }

 private:
  static constexpr double kInfinity = std::numeric_limits<double>::infinity();
  static constexpr double kEpsilon = std::numeric_limits<double>::epsilon();
  // From this iteration on each step halves log(high / low), which is below 1500, and 63 halvings
  // leave neighbouring numbers: the loop ends.
  static constexpr int kNewtons = 100;

  bool holds(double x) const { return x > low_ && x < high_; }
  /// Steps s, then c s^2, predict that c (c s^2)^2 is left.
  bool predicts_end(double step) const {
    const double ratio = step / last_step_;
    return last_step_ < 1.0 && ratio > 0.0 && ratio < 1e-2 && step * ratio * ratio < 0.1 * kEpsilon;
  }

  double low_, high_, noise_, far_;
  double last_error_ = kInfinity, last_step_ = kInfinity;
  int iteration_ = 0;
};

/// Root in [low, high], 0 < low, of a function that falls with x: Newton from `start`, bisection of
/// log x where Newton leaves the bracket, stops halving the error, or takes long steps that do not
/// get shorter: between two scales far apart Newton gains one power of e at a time. Ends at |value|
/// <= enough; where Newton's steps, which shrink quadratically, say that the next one is below
/// rounding; or where rounding, `noise` relative to x, rules. NaN where a value is.
/// @param far  relative steps beyond this are long
template <class Function>
double falling_root(const Function& function, double low, double high, double start, double enough,
                    double noise, double far = 0.1) {
  RootBracket bracket(low, high, noise, far);
  double x = std::clamp(start, low, high);
  while (true) {
    const Sample sample = function(x);
    if (std::isnan(sample.value)) return sample.value;
    if (std::abs(sample.value) <= enough || !bracket.step(x, sample)) return x;
  }
}

}  // namespace overprune
