// The lasso and the elastic net of independent features at given nonzeros, and least squares on
// their support; docs/theory.md, section 10.
#pragma once

#include <vector>

#include "theory/selection.hpp"

namespace overprune::theory {

/// One size. The model is u1 = a soft(v, T) with T = kappa' / sqrt(lam), the support S = {|v| > T}.
class LassoLaw {
 public:
  /// @param atoms  the features that are trained, kept by reference
  LassoLaw(const Atoms& atoms, double n, double ridge);

  /// Finds the model of s nonzeros; false where the path does not reach them.
  bool solve(double s);
  double risk() const { return risk_; }        ///< q
  double penalty() const { return penalty_; }  ///< kappa
  /// Risk after least squares with this ridge on the support.
  double retrained(double ridge) const;

 private:
  /// How the penalty pulls the coordinates of an atom, in units of the noise of v.
  struct Pull {
    double square;  ///< T^2 M0
    double signal;  ///< E[u T sign(v); kept]
  };
  Pull pull(std::size_t i) const;
  /// The right side of q = sigma^2 + E|u1 - u|^2 at q, with s survivors.
  double right_side(double q, double s);
  double excess() const;
  /// Nothing is pruned: the dense model.
  void take_all();
  /// The limit of no noise, where the signal is recovered exactly.
  double recovered(double tau2, double spare) const;

  const Atoms& atoms_;
  double n_, ridge_;
  double null_ = 0.0;  // variance of y
  double risk_ = 0.0, penalty_ = 0.0, tau_ = 0.0, scale_ = 0.0, t_ = 0.0, total_ = 0.0;
  bool all_ = false;
  std::vector<double> a_, d_;                    // (atoms) lam / (lam + tau), tau / (lam + tau)
  std::vector<double> root_;                     // (atoms) 1 / sqrt(lam): T over t
  std::vector<double> u_, r_, spread_, weight_;  // as in Selection; (atoms) expected survivors
  Kept kept_;
};

}  // namespace overprune::theory
