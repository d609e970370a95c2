// The risk of dense, pruned and retrained models from their training data alone, by exact
// leave-one-out with the selection repeated in every fold (docs/theory.md, section 13).
//
//     const overprune::Grid grid{
//         .sizes = {50, 200}, .nonzeros = {20}, .rules = {overprune::Rule::magnitude}};
//     const auto found = overprune::estimate_risk(x, y, grid, {});
//     // found["retrained_risk"]: mean squared error of the rows left out, (rule, size, nonzeros)
#pragma once

#include <functional>

#include "overprune/export.hpp"
#include "overprune/prune_path.hpp"
#include "overprune/risk_table.hpp"
#include "overprune/types.hpp"

OVERPRUNE_PUBLIC_BEGIN
namespace overprune {

/// Fits every model of the grid without each of the rows in turn and judges it on that row.
///
/// The result is that of n calls of prune_path with n - 1 rows, but all folds of a size are one
/// downdated product, and the folds of a support share the factor of what they have in common.
/// Folds that are too ill-conditioned for it are solved by themselves. A worker holds
/// (n + m) (2 k + 3 n) numbers and, for supports of which u features are not in every fold,
/// u (2 n + 2 u) more.
/// @param x       (n, p), finite, n at least 2
/// @param y       (n, m), finite
/// @param grid    sizes, nonzeros, rules and ridges; the loss is square, the rules score
///                coefficients or draw
/// @param inputs  curvature (empty: that of each fold's rows), seed and stream
/// @param workers  threads, at least 1; the result does not depend on it
/// @param poll    called by the calling thread; may throw to stop
/// @return dense_risk (size), pruned_risk and, with retraining, retrained_risk (rule, size,
/// nonzeros), the sum over targets of the mean squared error; and ..._stderr, the standard error
/// of each, with regard to how far the errors of the rows depend on one another
/// @throws std::invalid_argument for mismatched, empty or non-finite input, a grid out of range, a
/// rule that needs the truth or trains its own models, or another loss
RiskTable estimate_risk(ConstMatrix x, ConstMatrix y, const Grid& grid, const RuleInputs& inputs,
                        Index workers = 1, const std::function<void()>& poll = {});

}  // namespace overprune
OVERPRUNE_PUBLIC_END
