// Least squares on nested supports S, theta_S = X_S^+ y. This is the solver of retrain_path; it
// keeps its memory between calls.
#pragma once

#include <span>

#include "base/block.hpp"
#include "problem/design.hpp"
#include "solve/path_solver.hpp"

namespace overprune {

/// A correction below this, relative to the solution, shows that the Gram matrix alone is accurate
/// enough. The same holds for every smaller support on the same order, because its leading block is
/// conditioned no worse.
inline constexpr double kTinyCorrection = 1e-14;
/// Supports that are solved and corrected together.
inline constexpr Index kSupportGroup = 8;

/// The columns of a support with their products, kept from one support to the next: the supports of
/// neighbouring sizes share most of their features, and only the products of those that enter are
/// formed.
class SupportGram {
 public:
  /// Forgets what is known.
  /// @param x     (n, p)
  /// @param y     (n, m)
  /// @param most  largest number of features to hold
  void start(const Design& x, ConstBlock y, Index most);
  /// Makes sure that the features order[0..count) are held; count is at most `most`.
  void hold(const Index* order, Index count, const Poll& poll);
  /// Adds what is held for X (n, p) and y (n, m), `most` of `start` and the largest count of
  /// `hold`.
  static void need(Index n, Index p, Index m, Index most, Index count, MemoryNeed& need);

  Index slot(Index rank) const { return slots_[rank]; }  ///< where feature order[rank] is held
  ConstBlock columns() const { return columns_.columns(0, count_); }  ///< (n, held) by slots
  double product(Index a, Index b) const { return gram_(a, b); }  ///< of the columns in two slots
  double response(Index a, Index t) const {
    return response_(a, t);
  }  ///< x' y of a slot and a target

 private:
  void place(const Index* order, Index count);
  void fetch_entered();
  void form_all(const Poll& poll);
  void form_entered(const Poll& poll);

  Design x_;
  ConstBlock y_;
  Index count_ = 0;
  Block columns_, gram_, response_;  // (n, most), (most, most) symmetric, (most, m)
  Indices features_, slots_, entered_, fetched_, free_;
  Indices rank_;  // (p) of each feature in the order being placed, or -1
  Buffer column_buffer_, gram_buffer_, response_buffer_, entered_columns_, products_;
};

/// One Gram matrix of the support and its Cholesky factor in the order of the scores serve every s
/// <= n: leading blocks. Points are corrected with a residual taken from the columns; the ones that
/// this does not settle, and s > n, go to the orthogonal path. Not for two threads at once.
class RetrainSolver {
 public:
  /// @param x     (n, p)
  /// @param y     (n, m)
  /// @param most  largest support to come
  void start(const Design& x, ConstBlock y, Index most);
  /// @param order     at least nonzeros.back() columns of X, the first s of which are support s
  /// @param nonzeros  (S) strictly increasing
  /// @param theta     (nonzeros.back(), S m): column i m + t receives s number i, target t,
  /// zero-padded
  void solve(const Index* order, std::span<const Index> nonzeros, double ridge, Block theta,
             const Poll& poll);
  /// Adds what is held for X (n, p) and y (n, m). @param streamed  as in PathSolver::need
  static void need(Index n, Index p, Index m, std::span<const Index> nonzeros, double ridge,
                   bool streamed, MemoryNeed& need);

 private:
  using Nonzeros = std::span<const Index>;

  /// Fills the points by the Gram matrix; leaves in redo_ those that need the orthogonal path.
  void solve_by_gram(Nonzeros nonzeros, double lambda, Block theta);
  bool factor(Index most, double lambda);
  void correct(Nonzeros nonzeros, Index first, Index count, double lambda, Block theta);
  void correct_points(Nonzeros nonzeros, double lambda, Block theta);
  Index trusted(Nonzeros nonzeros, bool ridge);
  bool is_settled(Nonzeros nonzeros, Index i, double lambda, Block theta);

  Design x_;
  ConstBlock y_;
  SupportGram gram_;
  PathSolver path_;
  TriangleJudge judge_;
  Block factor_;                      // (count, count) L, in whole tiles
  std::vector<double> norms_;         // (count) of the columns, with the ridge
  std::vector<double> moved_, size_;  // (m) squared norms of a correction and of what it corrects
  // (S) size of the last correction relative to theta; 0 where none was needed
  std::vector<double> steps_;
  Indices redo_, redo_sizes_;
  Buffer factor_buffer_, forward_, by_slot_, residual_, gradient_, step_, columns_, redo_theta_;
};

}  // namespace overprune
