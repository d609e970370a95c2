// A dense linear Gaussian problem for the theory of iterative pruning: the law of its training, and solves on
// the supports of later rounds.
#pragma once

#include <memory>
#include <vector>

#include "theory_schedule.hpp"

namespace overprune::theory {

/// Training of all the features of a problem: Omega_00 = error / share.
class DenseModel {
 public:
  /// @param whole  k features with a dense covariance and m targets
  DenseModel(std::shared_ptr<const LinearGaussianProblem> whole, double samples, double ridge);

  Index features() const { return problem->features(); }
  Index targets() const { return problem->targets(); }
  /// (k, k) eigenvectors of the covariance, with `values` in rising order and those that are rounding errors
  /// 0.
  ConstBlock basis() const { return {basis_.data(), features(), features(), features()}; }
  /// 1 / (lam + tau), and 0 where both are 0.
  double inverse(Index i) const { return values[i] + law.tau > 0.0 ? 1.0 / (values[i] + law.tau) : 0.0; }
  SmallMatrix image() const;  ///< (k, m) Sigma beta
  /// out = Sigma[rows, columns].
  void gather(const Indices& rows, const Indices& columns, Block out) const;
  /// Eigenvalues of Sigma_SS that are positive beyond rounding.
  std::vector<double> eigenvalues(const Indices& support) const;

  std::shared_ptr<const LinearGaussianProblem> problem;
  double n;
  std::vector<double> values;  ///< (k)
  DenseLaw law;                ///< with the risk summed over targets
  SmallMatrix noise, signal, error, overlap;
  double share;

 private:
  std::vector<double> basis_;
};

/// (Sigma_SS + tau)^{-1} by Cholesky; where that is singular to rounding, on the span of its eigenvectors.
/// Keeps its memory from support to support; not for two threads at once.
class SupportSolver {
 public:
  /// @param matrix  (s, s) Sigma_SS + tau; overwritten and used until the next call
  void factor(Block matrix);
  Index rank() const { return rank_; }
  /// b (s, c) is overwritten with the solution.
  void solve(Block b);

 private:
  Block matrix_;
  bool triangular_ = true;
  Index rank_ = 0;
  std::vector<double> values_;
  Buffer spare_, rotated_;
};

/// What training many supports of a round has in common: tau = 0, or the root of
/// ridge / tau + (1/n) E tr Sigma_SS (Sigma_SS + tau)^{-1} = 1.
struct Regularisation {
  double tau = 0.0;
  double first_trace = 0.0, second_trace = 0.0;  ///< E tr Q and E tr Q^2
};
/// @param values  positive eigenvalues of Sigma_SS for some of the supports; none: no tau is needed
Regularisation common_regularisation(const std::vector<std::vector<double>>& values, double n, double ridge);

/// How many supports to take eigenvalues of, once for all draws: their traces vary by a fraction of a
/// percent.
inline constexpr Index kPilotSupports = 16;
/// Draws that a user may wait for unasked. @param operations, bytes  of one draw
Index affordable_draws(double operations, double bytes);

}  // namespace overprune::theory
