// The effective ridge, and the law of the dense model of independent features: its risk, and how
// much each coordinate shrinks; docs/theory.md, section 3. MatrixLaw is the same for any
// covariance.
#pragma once

#include <vector>

#include "problem/spectrum.hpp"

namespace overprune::theory {

/// Root of ridge / tau + (1/n) sum w lam / (lam + tau) = 1, or 0 where ridge == 0 and over <= 0;
/// NaN where sums of eigenvalues and ridge overflow, as is every law that it makes then.
/// @param eigenvalue  (size) > 0
/// @param weight      (size) >= 0
/// @param over        sum of the weights less n, given apart because the caller often knows it
/// exactly
double solve_tau(std::size_t size, const double* eigenvalue, const double* weight, double over,
                 double n, double ridge);
/// @param total  sum of the weights
inline double solve_tau(const std::vector<double>& eigenvalue, const std::vector<double>& weight,
                        double total, double n, double ridge) {
  return solve_tau(eigenvalue.size(), eigenvalue.data(), weight.data(), total - n, n, ridge);
}

/// The effective ridge that so many supports have in common. @param values  their eigenvalues, all
/// together
double common_tau(const std::vector<double>& values, double supports, double n, double ridge);

/// 1 - (1/n) sum w a with a = lam / (lam + tau), read off the fixed point instead of subtracted.
double spare_fraction(double over, double n, double ridge, double tau);

/// What is left unexplained over the share of samples that is left: infinite for x / 0, but 0 / 0 =
/// 0.
double inflate(double error, double share);

struct DenseLaw {
  double tau = 0.0;
  double risk = 0.0;         ///< omega^2
  std::vector<double> a, d;  ///< (atoms) lam / (lam + tau), tau / (lam + tau)
};
DenseLaw dense_law(const Atoms& atoms, double n, double ridge);

}  // namespace overprune::theory
