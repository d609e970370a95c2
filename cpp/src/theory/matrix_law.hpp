// The law of the dense model for any covariance and several targets; docs/theory.md, sections 6 and
// 9. DenseLaw is the same for independent features and one target.
#pragma once

#include <vector>

#include "theory/white_basis.hpp"

namespace overprune::theory {

/// theta = (Sigma + tau)^{-1} F v, v = u + e, e = n^{-1/2} H root', H (r, m) standard normal.
struct MatrixLaw {
  double tau = 0.0;
  double risk = 0.0;   ///< tr Omega; infinite where the limit diverges
  double share = 0.0;  ///< 1 - (1/n) sum a^2
  bool finite = true;
  std::vector<double> a, d;  ///< (r) l / (l + tau), tau / (l + tau)
  FeatureMatrix solver;      ///< (k, r) (Sigma + tau)^{-1} F
  OwnedMatrix error;         ///< (m, m) N + u'D^2 u
  OwnedMatrix omega;         ///< (m, m) Omega = error / share; where infinite, error
  OwnedMatrix root;          ///< (m, m) root root' = Omega
  OwnedMatrix mean;          ///< (k, m) E theta
  OwnedMatrix shift;         ///< (m, m) u'D u = E w'u

  /// The basis must outlive the law.
  MatrixLaw(const WhiteBasis& basis, double n, double ridge);
};

/// Training all the features of a problem: its coordinates and its law.
struct FirstStage {
  /// @param largest_ridge  of this training and of those on its supports
  FirstStage(LinearGaussianProblem whole, double samples, double ridge, double largest_ridge);
  FirstStage(const FirstStage&) = delete;

  const LinearGaussianProblem problem;
  const double n;
  const WhiteBasis basis;
  const MatrixLaw law;
};

}  // namespace overprune::theory
