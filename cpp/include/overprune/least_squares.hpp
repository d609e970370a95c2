// Least squares: one problem, or the whole path over its first k columns.
//
// For k <= n this is the solution with the least norm of residuals, for k > n the interpolator of
// least l2 norm: both are theta = X_k^+ y. With ridge > 0 it is the minimiser of
// |y - X theta|^2 / (2n) + ridge |theta|^2 / 2 (docs/theory.md, section 1).
//
//     std::vector<double> x(n * p), y(n), theta(3 * p);  // row-major x; three models
//     const auto rows = overprune::row_major(x.data(), n, p);
//     const auto response = overprune::column_major(y.data(), n, 1);
//     overprune::least_squares_path(rows, response, {10, 50, 200}, 0.0, theta.data());
#pragma once

#include <functional>

#include "overprune/export.hpp"
#include "overprune/types.hpp"

OVERPRUNE_PUBLIC_BEGIN
namespace overprune {

/// What the solver found out about each size on the way.
struct SolveInfo {
  /// (K) how many singular values of X_k are above max(n, k) epsilon times the largest, as in
  /// numpy; with ridge > 0: k
  Indices rank;
  /// (K) estimate of the condition number (2-norm) of the factor that was solved with
  std::vector<double> condition;
};

/// theta = X^+ y, of minimum norm where that is not unique. Singular values below max(n, k) epsilon
/// times the largest count as zero, here and wherever else models are fitted.
/// @param x      (n, p), finite
/// @param y      (n, m), finite
/// @param ridge  at least 0
/// @param theta  (p, m) receives the solution
/// @param info   if not null, receives rank and condition
/// @param workers  threads, at least 1; the result does not depend on it
/// @throws std::invalid_argument for empty or non-finite input, mismatched shapes, negative ridge,
/// workers below 1
void least_squares(ConstMatrix x, ConstMatrix y, double ridge, Matrix theta,
                   SolveInfo* info = nullptr, Index workers = 1);

/// The same for the first k columns of x, for every k of `sizes`, from one factorization: a QR of
/// the first min(n, max k) columns serves every k <= n, and a triangular factor of X_k X_k' carried
/// from size to size by orthogonal updates serves every k > n.
/// @param x      (n, p), finite
/// @param y      (n, m), finite
/// @param sizes  (K) strictly increasing in [1, p]
/// @param ridge  at least 0
/// @param theta  (K, p, m) contiguous, C order; receives the solutions, zero from row k on
/// @param info   if not null, receives rank and condition of each size
/// @param workers  threads, at least 1; the result does not depend on it
/// @param poll   called between sizes by the calling thread; may throw to stop
/// @throws std::invalid_argument as least_squares, and for sizes out of range
void least_squares_path(ConstMatrix x, ConstMatrix y, const Indices& sizes, double ridge,
                        double* theta, SolveInfo* info = nullptr, Index workers = 1,
                        const std::function<void()>& poll = {});

/// Retraining: least squares on the first s columns of `order`, for every s of `nonzeros`, from one
/// Gram matrix of the sorted columns (docs/theory.md, section 2). Points that are too
/// ill-conditioned for it are solved again by the orthogonal path.
/// @param x         (n, p), finite
/// @param y         (n, m), finite
/// @param order     (count) distinct indices in [0, p), at least max(nonzeros) of them
/// @param nonzeros  (S) strictly increasing, at least 1
/// @param ridge     at least 0
/// @param theta     (S, p, m) contiguous, C order; receives the solutions, zero off the support
/// @param workers   threads, at least 1; the result does not depend on it
/// @param poll      called between sizes by the calling thread; may throw to stop
/// @throws std::invalid_argument as least_squares, and for an order or nonzeros out of range
void retrain_path(ConstMatrix x, ConstMatrix y, const Indices& order, const Indices& nonzeros,
                  double ridge, double* theta, Index workers = 1,
                  const std::function<void()>& poll = {});

}  // namespace overprune
OVERPRUNE_PUBLIC_END
