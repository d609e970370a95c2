// Points and weights of integrals over a line: panels between kinks, and the trapezoidal rule for
// analytic integrands, evenly spaced or denser where they bend; docs/theory.md, section 11.
#pragma once

#include <vector>

namespace overprune::theory {

/// Where an analytic integrand needs more points than elsewhere.
struct Bend {
  double at;     ///< on the line
  double width;  ///< points are dense within it, and thin out beyond in proportion to the distance
  double density;  ///< how dense
  double step;     ///< of evenly spaced points that do as well

  /// A pair of singularities at `at` +- i distance.
  static Bend pole(double at, double distance);
  /// The same at a place that is not known: for evenly spaced points only.
  static Bend anywhere(double distance);
  /// A normal distribution function of a steep argument, which turns from 0 to 1 within `width`.
  static Bend turn(double at, double width);
};

/// Points x with weights, those of dx.
struct Nodes {
  std::vector<double> x, weight;

  /// Gauss-Legendre panels of at most that width between breaks, of which those outside do not
  /// count.
  void panels(std::vector<double> breaks, double low, double high, double width);
  /// The trapezoidal rule for a Gaussian of unit width times an analytic function.
  /// @param unit  standard deviation of the Gaussian
  /// @param even  standard deviation of the narrowest Gaussian in the integrand, turns included
  void analytic(double low, double high, double unit, double even, const std::vector<Bend>& bends);

 private:
  void equal(double low, double high, double step);
  void graded(double low, double high, double unit, const std::vector<Bend>& bends);
};

}  // namespace overprune::theory
