// Least squares on nested supports: the solver behind retrain_path, with the memory it keeps between calls.
#pragma once

#include "block.hpp"
#include "path_solver.hpp"

namespace overprune {

/// One Gram matrix of the sorted columns and its Cholesky factor serve every s <= n: leading blocks. Each
/// point is corrected with a residual taken from the columns; the ones that this does not settle, and s > n,
/// go to the orthogonal path. Not for two threads at once.
class RetrainSolver {
 public:
  /// @param columns   (n, c) the columns of the support, in order
  /// @param y         (n, m)
  /// @param nonzeros  (S) strictly increasing in [1, c]
  /// @param theta     (c, S m): column i m + t receives s number i, target t, zero-padded
  void solve(ConstBlock columns, ConstBlock y, const Indices& nonzeros, double ridge, Block theta,
             const Poll& poll);

 private:
  /// The first `count` of the nonzeros by the Gram matrix; returns those that need the orthogonal path.
  std::vector<Index> solve_by_gram(ConstBlock columns, ConstBlock y, const Indices& nonzeros, Index count,
                                   double lambda, Block theta, const Poll& poll);
  void correct(ConstBlock columns, ConstBlock y, const Indices& nonzeros, Index first, Index count,
               double lambda, Block theta, double* relative_steps);

  PathSolver path_;
  Block factor_;
  Buffer factor_buffer_, forward_, residual_, step_, redo_;
};

}  // namespace overprune
