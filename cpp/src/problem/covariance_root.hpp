// Square roots F of covariance matrices, Sigma = F F', their inverses and eigenvalues. All are as
// accurate as the correlations allow: the scales of the features cost no digits.
#pragma once

#include <vector>

#include "base/block.hpp"
#include "problem/covariance.hpp"

namespace overprune {

/// Sigma = F F' with F (p, r) of full rank r, and D (p, r) = F (F'F)^{-1}, so that F'D = I and
/// Sigma^+ = D D'. F is a Cholesky factor; where Sigma is singular to rounding, one with complete
/// pivoting. Scaling a feature scales its row of F and changes no other, up to rounding. Keeps its
/// memory from matrix to matrix; not for two threads at once.
class CovarianceRoot {
 public:
  /// @param sigma     (p, p) positive semidefinite; the lower triangle is overwritten and used
  /// until the next call
  /// @param graded    pivots even where Sigma is definite: the columns of F fall in size
  void factor(Block sigma, bool graded = false);
  Index rank() const { return rank_; }
  /// B (p, c), in the range of Sigma, is overwritten with Sigma^+ B.
  void solve(Block b);
  /// (r, c) X with F X = B, B (p, c) in the range of Sigma; lives until the next call.
  Block coordinates(ConstBlock b);
  void root(Block f) const;  ///< f (p, r) receives F
  void dual(Block d);        ///< d (p, r) receives D

 private:
  void pivot(ConstBlock sigma, double rounding);
  void dependents();
  void finish(Block rows, Block out);

  bool triangular_ = true;
  Index rank_ = 0;
  Block factor_;   // (p, p) or (p, r): F, its rows in the order of `order_`
  Block depend_;   // (p - r, r) K: the rows of F after the first r are K times those
  Block metric_;   // (r, r) Cholesky factor of I + K'K
  Indices order_;  // empty: as they come
  Buffer spare_, pivoted_, depend_buffer_, metric_buffer_, rows_, dependent_rows_;
};

/// Rotates the columns of F (p, r) until they are orthogonal to rounding: F F' stays, and so does
/// every row in relation to its own size. With a graded root of a covariance for F, the squared
/// lengths of the columns are the positive eigenvalues, each to the relative accuracy that the
/// correlations allow.
void orthogonalize_columns(Block f);

/// Whether features differ so much in size that the eigenvectors of their covariance would lose the
/// small ones.
/// @param variances  (p) those that are not positive do not count
bool differ_in_scale(ConstVector variances);
/// The variances in a covariance.
inline ConstVector diagonal_of(ConstBlock sigma) { return {sigma.data, sigma.rows, sigma.ld + 1}; }

/// The eigenvalues that are positive beyond rounding, in rising order; sigma (p, p) is overwritten.
std::vector<double> positive_eigenvalues(Block sigma);

}  // namespace overprune
