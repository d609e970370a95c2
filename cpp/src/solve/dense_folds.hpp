// Dense models without one row, from the model with all rows (docs/theory.md, section 13); and the
// models of a fold that are solved by themselves.
#pragma once

#include <vector>

#include "base/block.hpp"
#include "solve/path_solver.hpp"
#include "solve/retraining.hpp"

namespace overprune {

/// Rows, targets and the ridge of one size. The solvers of a fold add (n - 1) ridge to X'X.
struct FoldData {
  ConstBlock x;  ///< (n, p)
  ConstBlock y;  ///< (n, m)

  /// The ridge with which n rows have the diagonal of a fold.
  double ridge_of_all(double ridge) const {
    const double n = static_cast<double>(x.rows);
    return ridge * (n - 1.0) / n;
  }
};

/// All n models of one size. Keeps its memory; not for two threads at once.
///
/// With M the map from y to theta, the model without row i is theta - M_i e_i. Its error e_i on row
/// i is (lambda M_i'theta + u_i'r) / (lambda |M_i|^2 + |u_i|^2), u_i being what M_i leaves of the
/// i-th unit vector and r what theta leaves of y. No term cancels as the ridge lambda vanishes.
class DenseFolds {
 public:
  /// @param k      size
  /// @param ridge  of a fold
  void solve(const FoldData& data, Index k, double ridge, const Poll& poll);
  /// Whether the downdate for row i is accurate.
  bool trusted(Index i) const { return trusted_[i] != 0; }
  /// (m) errors of the model without row i on that row, where it is trusted.
  const double* error(Index i) const { return error_.data + i * error_.ld; }
  /// (k, m) the model without row i, where it is trusted.
  void model(Index i, Block theta) const;
  /// By how much the errors' dependence on one another raises the standard error of their mean
  /// square: the root of n tr B^4 / (tr B^2)^2, B being (XX' + lambda I)^{-1}, from a few random
  /// vectors. At least 1.
  double dependence() const { return dependence_; }

 private:
  void find_dependence(Index m, double own);

  PathSolver path_;
  SolveInfo info_;
  Block solution_, error_;  // (k, m + n) theta and M; (m, n)
  std::vector<char> trusted_;
  double dependence_ = 1.0;
  Block left_;  // (n, m + n) what theta and M leave
  Buffer targets_, solution_buffer_, left_buffer_, error_buffer_, probes_, images_;
};

/// The models of one fold, as prune_path has them. Keeps its memory; not for two threads at once.
class PlainFold {
 public:
  /// Takes all rows but row i, unless they are those already taken.
  void take(const FoldData& data, Index i);
  /// Forgets the rows.
  void forget() { row_ = -1; }
  /// (k, m) the dense model of size k.
  void dense(Index k, double ridge, Block theta, const Poll& poll);
  /// (s, m) the model retrained on order[0..s).
  void retrained(const Index* order, Index s, double ridge, Block theta, const Poll& poll);

 private:
  Index row_ = -1;
  Block x_, y_;
  PathSolver path_;
  RetrainSolver retrainer_;
  Buffer x_buffer_, y_buffer_;
};

}  // namespace overprune
