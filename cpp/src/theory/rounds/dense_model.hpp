// A dense linear Gaussian problem for the theory of iterative pruning: the law of its training, and
// solves on the supports of later rounds.
#pragma once

#include <memory>
#include <vector>

#include "theory/remainder.hpp"
#include "theory/rounds/rounds.hpp"

namespace overprune::theory {

/// Training of all the features of a problem.
class DenseModel {
 public:
  /// @param whole  k features with a dense covariance and m targets
  DenseModel(std::shared_ptr<const LinearGaussianProblem> whole, double samples, double ridge);

  Index features() const { return problem->features(); }
  Index targets() const { return problem->targets(); }
  /// out = Sigma[rows, columns].
  void gather(const Indices& rows, const Indices& columns, Block out) const;
  /// Eigenvalues of Sigma_SS that are positive beyond rounding.
  std::vector<double> eigenvalues(const Indices& support) const;

  std::shared_ptr<const LinearGaussianProblem> problem;
  double n;
  WhiteBasis basis;
  MatrixLaw law;
  SmallMatrix noise, error;  ///< (m, m) as Evolution takes them
};

/// What training many supports of a round has in common: tau = 0, or the root of
/// ridge / tau + (1/n) E tr Sigma_SS (Sigma_SS + tau)^{-1} = 1.
struct Regularisation {
  double tau = 0.0;
  double first_trace = 0.0, second_trace = 0.0;  ///< E tr Q and E tr Q^2
};
/// @param values  positive eigenvalues of Sigma_SS for some of the supports; none: no tau is needed
Regularisation common_regularisation(const std::vector<std::vector<double>>& values, double n,
                                     double ridge);

/// How many supports to take eigenvalues of, once for all draws: their traces vary by a fraction of
/// a percent.
inline constexpr Index kPilotSupports = 16;
/// Draws that a user may wait for unasked. @param operations, bytes  of one draw
Index affordable_draws(double operations, double bytes);

}  // namespace overprune::theory
