// Quadratic forms of the second training, for one support at a time.
#pragma once

#include <vector>

#include "block.hpp"
#include "theory_dense.hpp"

namespace overprune::theory {

/// With Q = F_S'(Sigma_SS + tau2)^{-1} F_S and columns A known through Y = (F A)_S: G = A'Q A, K = A'Q^2 A
/// and the traces of Q and Q^2. One thread's workspace.
class SupportForms {
 public:
  explicit SupportForms(const Eigenbasis& basis) : basis_(basis) {}

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

  /// Sigma_SS = H T H' with T tridiagonal: its positive eigenvalues, and the forms for any tau2 > 0.
  struct Reduced {
    std::vector<double> values;
    std::vector<double> diagonal, off;  ///< of T
    Block rotated;                      ///< (s, c) H'Y
  };
  const Reduced& reduce(Index s, ConstBlock y);
  /// G and K (c, c) of what `reduce` found, at this tau2 > 0.
  void regularised_forms(double tau2, Block G, Block K);

 private:
  bool factorize(Index s, ConstBlock y);
  Index project_singular(Index s, ConstBlock y, Block form);
  void gram_of_rows(ConstBlock rows, Block form);

  const Eigenbasis& basis_;
  Indices order_;
  Block sigma_, solved_;
  Reduced reduced_;
  Buffer sigma_buffer_, factor_, solved_buffer_, form_, rotated_, image_, regularised_;
};

/// sum mu / (mu + tau2) and sum (mu / (mu + tau2))^2.
struct Traces {
  double first = 0.0, second = 0.0;
};
Traces regularised_traces(const std::vector<double>& values, double tau2);

}  // namespace overprune::theory
