// Models retrained on the supports of all folds, from the factor of what the supports have in
// common (docs/theory.md, section 13).
#pragma once

#include <vector>

#include "base/block.hpp"
#include "solve/dense_folds.hpp"

namespace overprune {

/// The supports of one rule, size and number of nonzeros: the first s of every column of `order`.
struct FoldSupports {
  const std::vector<Indices>& order;  ///< (n) of at least s features
  Index nonzeros;                     ///< s
};

/// The errors of all n retrained models on the rows that they were trained without. Keeps its
/// memory; not for two threads at once.
///
/// Most features are in the support of every fold. They are eliminated once, by the Cholesky factor
/// of their Gram matrix or, where they are more than the rows, of X X'. What is left of a fold is a
/// system of the few features that are not in every support, and an error of the form
/// (a - w'z) / (b - w'w).
class SupportFolds {
 public:
  /// @param ridge  of a fold
  void solve(const FoldData& data, const FoldSupports& supports, double ridge, const Poll& poll);
  /// Whether the error on row i is accurate.
  bool trusted(Index i) const { return trusted_[i] != 0; }
  /// (m) errors of the model without row i on that row, where it is trusted.
  const double* error(Index i) const { return error_.data + i * error_.ld; }

 private:
  void split(Index p, const FoldSupports& supports);
  bool eliminate_features(ConstBlock core, ConstBlock some, ConstBlock y, double lambda);
  bool eliminate_rows(ConstBlock core, ConstBlock some, ConstBlock y, double lambda);
  bool solve_fold(Index i, Index m);

  // Features in the support of every fold, and of some; positions among the latter of each fold's.
  Indices core_, some_, count_, place_;
  std::vector<Indices> members_;
  // The system of all features of some folds: matrix (u, u), lower; sides (u, n + m).
  Block matrix_, sides_, above_, error_;  // (n, m), (m, n)
  std::vector<double> below_;             // (n)
  // How much rounding errors of the eliminated matrix grow: by row, by feature and by target.
  std::vector<double> row_growth_, feature_growth_, response_growth_;
  std::vector<double> response_size_, tolerance_;  // (m)
  double one_ = 1.0;                               // size of what `below_` began with
  std::vector<char> trusted_;
  Buffer core_columns_, some_columns_, factor_, coefficients_, matrix_buffer_, sides_buffer_,
      above_buffer_, error_buffer_, own_, own_sides_;
};

}  // namespace overprune
