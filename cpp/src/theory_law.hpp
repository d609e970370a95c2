// The scalar laws behind the theory: the dense model, and which coordinates survive pruning.
#pragma once

#include <vector>

#include "overprune/pruning.hpp"
#include "overprune/types.hpp"

namespace overprune::theory {

/// Coordinates of equal variance and |beta| behave alike, so each sum runs over the distinct pairs.
/// (The formulas do not change when beta_i and x_i change sign together.) Only positive variances.
struct Atoms {
  std::vector<double> count;       ///< coordinates in the atom
  std::vector<double> eigenvalue;  ///< lam > 0
  std::vector<double> signal;      ///< u = sqrt(lam) |beta|
  double total = 0.0;              ///< sum of count
  double noise = 0.0;              ///< variance of what these coordinates cannot explain

  std::size_t size() const { return count.size(); }
};

/// Root of ridge / tau + (1/n) sum w lam / (lam + tau) = 1, or 0 where ridge == 0 and total <= n.
/// @param total  sum of the weights, given apart because the caller often knows it exactly
double solve_tau(const std::vector<double>& eigenvalue, const std::vector<double>& weight, double total,
                 double n, double ridge);

/// 1 - (1/n) sum w a with a = lam / (lam + tau), read off the fixed point instead of subtracted.
double spare_fraction(double total, double n, double ridge, double tau);

/// What is left unexplained over the share of samples that is left: infinite for x / 0, but 0 / 0 = 0.
double inflate(double error, double share);

struct DenseLaw {
  double tau;
  double risk;  ///< omega^2
};
DenseLaw dense_law(const Atoms& atoms, double n, double ridge);

/// Survival of the coordinates of each atom. In units of the noise of v, with h standard normal, the kept
/// ones have |u + h| > T; alpha = T - u, gamma = T + u. All risks are sums of these four without large
/// cancellation.
struct Kept {
  std::vector<double> share;    ///< M0, the probability of survival
  std::vector<double> dropped;  ///< 1 - M0
  std::vector<double> drift;    ///< u E[h; kept] = u (M1 - u M0) = u (phi(alpha) - phi(gamma))
  std::vector<double> excess;   ///< E[h^2; kept] - M0 = alpha phi(alpha) + gamma phi(gamma)
  double total = 0.0;           ///< expected number of survivors among the coordinates of positive variance
  bool selected = false;        ///< whether survival depends on v; else drift = excess = 0
};

/// A support that does not depend on the data. @param survivors  (atoms) how many of each atom survive
Kept keep_fixed(const Atoms& atoms, const std::vector<double>& survivors);

/// The s largest scores of rule magnitude or hessian, s < atoms.total.
/// Without noise in v the largest |E theta| survive, ties in equal shares; with infinite noise u plays no
/// role.
Kept keep_largest(const Atoms& atoms, const DenseLaw& law, double n, Rule rule, double s);

}  // namespace overprune::theory
