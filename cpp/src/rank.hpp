// The one decision about the rank of a design, for single solves, paths and supports alike.
//
// A singular value counts where it is above rank_threshold times the largest: numpy's rule, so that models
// are those of numpy.linalg.lstsq. Only the pivoted QLP decomposition (OrthogonalSolver) applies it, on the
// columns as the caller has them. Every other solver takes full rank for granted, hence only what a
// PivotMonitor finds to be far above the threshold, and hands all else over.
#pragma once

#include <vector>

#include "overprune/types.hpp"

namespace overprune {

/// Singular values of a (rows, cols) design below this times the largest count as zero.
double rank_threshold(Index rows, Index cols);

/// Below this ratio of a pivot to its own column's norm a factor is not accurate enough, whatever the rank.
inline constexpr double kSmallPivot = 1e-6;
/// Below these ratios of the smallest singular value to the largest column likewise, for a triangle made
/// orthogonally and for one from a Gram matrix, which squares the condition number. Both are far above
/// rank_threshold, for the smallest singular value is estimated.
inline constexpr double kOrthogonalFloor = 1e-10, kGramFloor = 1e-7;
/// A triangle from a Gram matrix is taken, for the half of the work that it costs, where its smallest
/// singular value is above this times its largest column: a correction then makes good what squaring has
/// lost.
inline constexpr double kQuickFloor = 1e-4;
/// Norms beyond these were found from squares that may have left double's range.
inline constexpr double kLeastNorm = 1e-140, kLargestNorm = 1e150;
/// Columns whose norms lie within this ratio of each other cannot make a well-conditioned support look
/// rank-deficient by their sizes alone.
inline constexpr double kLevelColumns = 1e-3;

/// Follows a growing upper triangle R column by column: its pivots against their columns' norms, and an
/// estimate of its smallest singular value, because a triangle can be singular without a small pivot
/// (Bischof's incremental condition estimation).
class PivotMonitor {
 public:
  /// @param floor  smallest singular values below this times the largest column are not trusted
  explicit PivotMonitor(double floor) : floor_(floor) {}
  void restart(double floor) {
    floor_ = floor;
    restart();
  }
  void restart() {
    largest_ = sigma_ = 0.0;
    small_ = false;
    direction_.clear();
  }
  /// @param column  the entries above the pivot, one for each column seen before, `stride` apart
  /// @param unit    what the column counts in: where there is a ridge the rank is full, whatever the columns'
  ///                sizes, and only the accuracy of the triangle with columns of equal size is in question
  void see(const double* column, Index stride, double pivot, double column_norm, double unit = 1.0);
  bool sound() const { return !small_ && sigma_ > floor_ * largest_; }

 private:
  double floor_, largest_ = 0.0, sigma_ = 0.0;
  bool small_ = false;
  std::vector<double> direction_;  // of length one, with |direction' R| = sigma
};

}  // namespace overprune
