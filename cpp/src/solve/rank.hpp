// The one decision about the rank of a design, for single solves, paths and supports alike.
//
// A singular value counts where it is above rank_threshold times the largest: numpy's rule, so that
// models are those of numpy.linalg.lstsq. Only the pivoted QLP decomposition (OrthogonalSolver)
// applies it, on the columns as the caller has them. Every other solver takes full rank for
// granted, hence only what a TriangleJudge finds to be far above the threshold, and hands all else
// over.
#pragma once

#include <span>
#include <vector>

#include "base/block.hpp"
#include "overprune/types.hpp"

namespace overprune {

/// Singular values of a (rows, cols) design below this times the largest count as zero.
double rank_threshold(Index rows, Index cols);

/// Below this ratio of a pivot to its own column's norm a factor is not accurate enough, whatever
/// the rank.
inline constexpr double kSmallPivot = 1e-6;
/// Below these ratios of the smallest singular value to the largest column likewise, for a triangle
/// made orthogonally and for one from a Gram matrix, which squares the condition number. Both are
/// far above rank_threshold, for the smallest singular value is estimated.
inline constexpr double kOrthogonalFloor = 1e-10, kGramFloor = 1e-7;
/// A triangle from a Gram matrix is taken, for the half of the work that it costs, where its
/// smallest singular value is above this times its largest column: a correction then makes good
/// what squaring has lost.
inline constexpr double kQuickFloor = 1e-4;
/// Norms beyond these were found from squares that may have left double's range.
inline constexpr double kLeastNorm = 1e-140, kLargestNorm = 1e150;
/// Columns whose norms lie within this ratio of each other cannot make a well-conditioned support
/// look rank-deficient by their sizes alone.
inline constexpr double kLevelColumns = 1e-3;

/// The unit in which a triangle's rows are measured.
enum class RowUnit {
  largest,  ///< the largest norm of any: as the singular values that the rank is decided by
  own  ///< each in its own norm: only the accuracy of the triangle is in question, not the rank
};

/// Finds out how many leading blocks of a lower triangle L are far from singular. It looks at the
/// pivots and at the smallest singular value, because a triangle can be singular without a small
/// pivot. Inverse iteration from a random direction bounds the singular value: such a direction has
/// a part along every singular vector. An estimate built up column by column would stay within an
/// earlier block where a later block is orthogonal to it.
class TriangleJudge {
 public:
  /// @param triangle  (k, k) L, lower
  /// @param norms     (k) norms of the rows of what L L' was made from
  /// @param leading   strictly increasing, at most k: sizes of the leading blocks in question
  /// @param floor     smallest singular values below this, in the rows' unit, are not trusted
  /// @return for how many of them L may be trusted; a block within another is conditioned no worse
  Index trusted(ConstBlock triangle, const std::vector<double>& norms,
                std::span<const Index> leading, double floor, RowUnit unit);

 private:
  bool is_far_from_singular(ConstBlock triangle, const std::vector<double>& norms, double floor,
                            RowUnit unit);

  std::vector<double> start_;  // a random direction: the first entries are those of any shorter one
  std::vector<double> along_;
};

}  // namespace overprune
