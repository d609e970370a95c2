// The lasso and the elastic net: the minimiser of
//
//     |y - X theta|^2 / (2n) + ridge |theta|^2 / 2 + kappa |theta|_1
//
// along the whole path of penalties kappa, by a homotopy (docs/theory.md, section 10).
//
//     const overprune::LassoPath sparse = overprune::lasso_path(x, y, {10, 20}, 0.0);
//     const overprune::LassoPath given = overprune::lasso_at(x, y, {0.1, 0.05}, 0.0);
//     // sparse.coefficients: 2 models of p coefficients each
#pragma once

#include <functional>
#include <vector>

#include "overprune/export.hpp"
#include "overprune/types.hpp"

OVERPRUNE_PUBLIC_BEGIN
namespace overprune {

/// Models of a path.
struct LassoPath {
  std::vector<double> coefficients;  ///< (L, p) C order; NaN where the path has no such model
  std::vector<double> penalty;       ///< (L) kappa; NaN likewise
  Indices nonzeros;                  ///< (L) how many coefficients are not 0; -1 likewise
  /// (L) the most by which a condition of optimality is missed, relative to the largest
  /// |X'y|_j / n; NaN likewise
  std::vector<double> suboptimality;
};

/// The models that stand for given numbers of nonzeros.
///
/// The model for s is the one of the smallest penalty down to which no model of the path has more
/// than s nonzeros. In the limit of theory.hpp, where the number grows as the penalty falls, this
/// is the smallest penalty whose model has at most s. Of features that depend on others, copies for
/// example, the path uses as few as it needs. Without ridge a path of k features ends at min(n, k)
/// nonzeros: above them there is no model.
/// @param x         (n, p), finite
/// @param y         (n, 1), finite: one target
/// @param nonzeros  (L) strictly increasing in [1, p]
/// @param ridge     at least 0
/// @param poll      called between kinks; may throw to stop
/// @return (L) models
/// @throws std::invalid_argument for empty, mismatched or non-finite input, several targets, or
/// numbers out of range
LassoPath lasso_path(ConstMatrix x, ConstMatrix y, const Indices& nonzeros, double ridge,
                     const std::function<void()>& poll = {});

/// The models at given penalties.
/// @param x          (n, p), finite
/// @param y          (n, 1), finite: one target
/// @param penalties  (L) kappa, finite, at least 0, in any order
/// @param ridge      at least 0
/// @param poll       called between kinks; may throw to stop
/// @return (L) models; at kappa = 0 and without ridge that of least l1 norm which interpolates, or
/// least squares
/// @throws std::invalid_argument as lasso_path
LassoPath lasso_at(ConstMatrix x, ConstMatrix y, const std::vector<double>& penalties, double ridge,
                   const std::function<void()>& poll = {});

}  // namespace overprune
OVERPRUNE_PUBLIC_END
