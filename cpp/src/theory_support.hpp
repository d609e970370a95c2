// Quadratic forms of the second training, for one support at a time.
#pragma once

#include <vector>

#include "block.hpp"
#include "covariance_root.hpp"
#include "theory_dense.hpp"

namespace overprune::theory {

/// tr Q and tr Q^2.
struct Traces {
  double first = 0.0, second = 0.0;
};

/// With Q = F_S'(Sigma_SS + tau2)^{-1} F_S and columns A known through Y = (F A)_S: G = A'Q A, K = A'Q^2 A
/// and the traces of Q and Q^2. One thread's workspace.
class SupportForms {
 public:
  explicit SupportForms(const WhiteBasis& basis) : basis_(basis) {}

  /// Prepares the supports formed by the first s of `order` for every s of `nonzeros`; Sigma_SS by gathering
  /// once.
  void start(const Indices& order, const Indices& nonzeros);

  /// out = |F'x - u|^2 summed over targets, x (s, m) the coefficients on the first s: the excess risk of a
  /// pruned model.
  double excess_risk(Index s, ConstBlock x);

  /// tau2 = 0 for every s of `nonzeros`: calls visit(i, G, rank) with G (c, c). Y holds at least the rows of
  /// the largest.
  template <class Visit>
  void project(ConstBlock y, const Indices& nonzeros, Visit visit) {
    const Block form = form_.block(y.cols, y.cols);
    const bool nested = !basis_.diagonal() && factorize(nonzeros.back(), y);
    for (std::size_t i = 0; i < nonzeros.size(); ++i) {
      Index rank = nonzeros[i];
      if (nested)
        gram_of_rows(solved_.top(nonzeros[i]), form);
      else
        rank = project_singular(nonzeros[i], y, form);
      visit(static_cast<Index>(i), ConstBlock(form), rank);
    }
  }

  /// The positive eigenvalues of Sigma_SS of the first s of `order`.
  std::vector<double> eigenvalues(Index s);

  /// Prepares `regularised` for the first s of `order`.
  void reduce(Index s, ConstBlock y);
  /// G and K (c, c) of what `reduce` was given, at this tau2 > 0; returns the traces.
  Traces regularised(double tau2, Block G, Block K);

 private:
  bool factorize(Index s, ConstBlock y);
  Index project_singular(Index s, ConstBlock y, Block form);
  void gram_of_rows(ConstBlock rows, Block form);
  void solve_tridiagonal(double tau2, Block x) const;
  Traces solve_cholesky(double tau2, Block x);

  const WhiteBasis& basis_;
  Indices order_;
  Block sigma_, solved_;
  // Sigma_SS = H T H' with T tridiagonal, which serves every tau2; not for features on very different scales.
  bool tridiagonal_ = true;
  std::vector<double> values_, diagonal_, off_;  // eigenvalues; T
  Block reduced_;                                // (s, c) H'Y, or Y
  CovarianceRoot root_;
  Buffer sigma_buffer_, factor_, solved_buffer_, form_, rotated_, image_, regularised_, inverse_;
};

}  // namespace overprune::theory
