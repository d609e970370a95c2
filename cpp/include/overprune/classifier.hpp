// Linear classifiers: one problem, or the whole path over its first k columns.
//
// theta minimises sum_i l(y_i, x_i'theta) / n + ridge |theta|^2 / 2 for labels y_i = -1 and 1
// (docs/theory.md, classifiers).
//
//     std::vector<double> x(n * p), y(n), theta(3 * p);  // row-major x; three models
//     const auto rows = overprune::row_major(x.data(), n, p);
//     const auto labels = overprune::column_major(y.data(), n, 1);
//     overprune::classifier_path(rows, labels, {10, 50, 200}, overprune::NamedLoss::logistic, 0.1,
//                                theta.data());
#pragma once

#include <functional>
#include <vector>

#include "overprune/export.hpp"
#include "overprune/loss.hpp"
#include "overprune/types.hpp"

OVERPRUNE_PUBLIC_BEGIN
namespace overprune {

/// What the solver found out about each size on the way.
struct ClassifierInfo {
  Indices factors;  ///< (K) how many Hessians were factored, of all targets
  /// (K) how far the objective may be from its minimum, of the target worst off: the duality gap,
  /// or of the logistic loss Newton's estimate; NaN where its steps did not settle
  std::vector<double> gap;
};

/// Linear classifiers on the first k columns of x, for every k of `sizes`, each begun at the one
/// before. A smooth loss is minimised by Newton's method, any other by Newton's method on its
/// Moreau envelopes (the method of multipliers).
/// @param x      (n, p), finite
/// @param y      (n, m), -1 and 1: m classifiers; with the square loss any finite numbers
/// @param sizes  (K) strictly increasing in [1, p]
/// @param loss   any
/// @param ridge  at least 0; above 0 but for the square and the logistic loss
/// @param theta  (K, p, m) contiguous, C order; receives the models, zero from row k on
/// @param info   if not null, receives what was found of each size; with the square loss empty
/// @param workers  threads, at least 1; the result does not depend on it
/// @param poll   called between steps by the calling thread; may throw to stop
/// @throws std::invalid_argument for empty or non-finite input, mismatched shapes, other labels,
/// sizes out of range, workers below 1, a ridge that is negative, or 0 where no model has the least
/// loss: with the logistic loss where the first k columns separate the labels; where the gap stays
/// above a millionth of the loss of outputs 0
void classifier_path(ConstMatrix x, ConstMatrix y, const Indices& sizes, const Loss& loss,
                     double ridge, double* theta, ClassifierInfo* info = nullptr, Index workers = 1,
                     const std::function<void()>& poll = {});

}  // namespace overprune
OVERPRUNE_PUBLIC_END
