// Quadratic forms of the second training, for one support at a time; docs/theory.md, section 6.
#pragma once

#include <vector>

#include "base/block.hpp"
#include "problem/covariance_root.hpp"
#include "theory/remainder.hpp"

namespace overprune::theory {

/// tr Q and tr Q^2.
struct Traces {
  double first = 0.0, second = 0.0;
};

/// With Q = F_S'(Sigma_SS + tau2)^{-1} F_S and columns A = [u' e w] or u' alone, known through Y =
/// (F A)_S: G = A'Q A, K = A'Q^2 A and the traces of Q and Q^2.
///
/// Training shrinks what is kept, too, where tau2 > 0: Q u - u = Q u' - u' - tau2 F_S'(Sigma_SS +
/// tau2)^{-1} beta_C. There u' on the right of Q, in all columns of G and on both sides of K,
/// stands for u' and that term: (F u')_S - tau2 beta_C takes the place of (F u')_S. One thread's
/// workspace.
class SupportForms {
 public:
  explicit SupportForms(const WhiteBasis& basis) : basis_(basis) {}

  /// Prepares the supports formed by the first s of `order` for every s of `nonzeros`; Sigma_SS by
  /// gathering once.
  void start(const Indices& order, const Indices& nonzeros);

  /// |F'x - u'|^2 summed over targets: the excess risk of a model, x (s, m) its coefficients on the
  /// first s less those that the remainder has left out.
  double excess_risk(Index s, ConstBlock x, const Remainder& remainder);

  /// tau2 = 0 for every s of `nonzeros`: calls visit(i, G, rank) with the G of columns(i, Y). Y
  /// holds at least the rows of the largest.
  template <class Columns, class Visit>
  void project(ConstBlock y, const Indices& nonzeros, Columns columns, Visit visit) {
    const bool nested = !basis_.diagonal() && factorize(nonzeros.back(), y);
    for (std::size_t i = 0; i < nonzeros.size(); ++i) {
      const Index number = static_cast<Index>(i), s = nonzeros[i];
      const ConstBlock rows = columns(number, nested ? ConstBlock(solved_).top(s) : y.top(s));
      const Block form = form_.block(rows.cols, rows.cols);
      Index rank = s;
      if (nested)
        multiply(transposed(rows), rows, form);
      else
        rank = project_singular(rows, form);
      visit(number, ConstBlock(form), rank);
    }
  }

  /// Prepares `regularised` for the first s of `order`.
  void reduce(Index s, ConstBlock y, const Remainder& remainder);
  /// G and K (c, c) of what `reduce` was given, at this tau2 > 0; returns the traces.
  Traces regularised(double tau2, Block G, Block K);

 private:
  ConstBlock corner(Index s) const { return {sigma_.data, s, s, sigma_.ld}; }  ///< Sigma_SS
  bool factorize(Index s, ConstBlock y);
  Index project_singular(ConstBlock y, Block form);
  void solve_tridiagonal(double tau2, Block x) const;
  Traces solve_cholesky(double tau2, Block x);

  const WhiteBasis& basis_;
  Indices order_;
  Block sigma_, solved_;
  // Sigma_SS = H T H' with T tridiagonal, which serves every tau2; not for features on very
  // different scales.
  bool tridiagonal_ = true;
  std::vector<double> values_, diagonal_, off_;  // eigenvalues; T
  Block reduced_;      // (s, c + m) H'[Y beta_C], or [Y beta_C]; (s, c) if C is empty
  Index columns_ = 0;  // c
  CovarianceRoot root_;
  Buffer sigma_buffer_, factor_, solved_buffer_, form_, rotated_, image_, regularised_, inverse_;
};

}  // namespace overprune::theory
