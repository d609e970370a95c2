// One data set, the whole grid: train on the first k features, prune to s, retrain, with all
// factors shared.
//
//     const overprune::Grid grid{
//         .sizes = {50, 200}, .nonzeros = {20}, .rules = {overprune::Rule::hessian}};
//     const auto found = overprune::prune_path(x, y, grid, {});
//     // found.order: which features survive; found.retrained: their coefficients
#pragma once

#include <functional>

#include "overprune/classifier.hpp"
#include "overprune/export.hpp"
#include "overprune/least_squares.hpp"
#include "overprune/loss.hpp"
#include "overprune/pruning.hpp"
#include "overprune/types.hpp"

OVERPRUNE_PUBLIC_BEGIN
namespace overprune {

/// The grid of a run.
struct Grid {
  Indices sizes;  ///< (K) strictly increasing in [1, p]
  /// (S) strictly increasing, at least 1; a point with nonzeros > size is skipped
  Indices nonzeros;
  std::vector<Rule> rules;     ///< (R) distinct
  bool retrain = true;         ///< whether the pruned models are also trained again
  double ridge = 0.0;          ///< of the first training
  double retrain_ridge = 0.0;  ///< of the second
  /// whether the survivors also compensate for the pruned features; prune_path refuses it
  bool compensate = false;
  /// (K, S) penalties kappa of the rule `lasso`, in C order, NaN for no model; empty: each point
  /// has the model of the path that stands for its nonzeros (lasso.hpp)
  std::vector<double> penalties = {};
  Loss loss = NamedLoss::square;  ///< of both trainings

  /// The nonzeros that are at most the largest size.
  /// @return (at most S) strictly increasing
  Indices fitting_nonzeros() const;
};

/// What the rules need beyond theta.
struct RuleInputs {
  ConstMatrix covariance;    ///< (p, p) column-major, for compensation; null: independent features
  ConstVector curvature;     ///< (p) Sigma_ii for `hessian`, at least 0; empty: (X'X)_ii / n
  ConstMatrix truth;         ///< (K, p) |beta_i| sqrt(Sigma_ii) for `oracle`; row i is for size i
  std::uint64_t seed = 0;    ///< key of the scores of `random`
  std::uint64_t stream = 0;  ///< key of the scores of `random`, too
};

/// Models of the rule `lasso`, whose supports are not nested; see lasso.hpp. NaN or empty where the
/// path has no model of so few or so many nonzeros.
struct SparseModels {
  Index most = 0;                     ///< the most nonzeros of a model
  std::vector<Index> count;           ///< (K, S) nonzeros found; -1 where there is no model
  std::vector<Index> support;         ///< (K, S, most) ascending; -1 after the last
  std::vector<double> pruned;         ///< (K, S, most) coefficients in that order
  std::vector<double> retrained;      ///< (K, S, most) least squares on the support; may be empty
  std::vector<double> penalty;        ///< (K, S) kappa
  std::vector<double> suboptimality;  ///< (K, S) how far the optimality conditions are missed
};

/// Everything prune_path finds.
struct PrunePathResult {
  Index p = 0;                ///< features
  Index m = 0;                ///< targets
  Index most = 0;             ///< the largest number of nonzeros in the grid
  std::vector<double> dense;  ///< (K, p, m) zero-padded
  std::vector<Index> order;   ///< (R, K, most) features by falling score; -1 where there are fewer
  /// (R, K, S, most, m) coefficients in that order; empty without retraining
  std::vector<double> retrained;
  SparseModels lasso;          ///< of the rule `lasso`, where the grid has it
  SolveInfo info;              ///< rank and condition of each size; empty with a loss of labels
  ClassifierInfo classifiers;  ///< of each size with a loss of labels, else empty
};

/// Trains, prunes and retrains over the whole grid. `simulate` draws data, calls this and measures
/// the risk in every trial.
/// @param x       (n, p), finite
/// @param y       (n, m), finite; -1 and 1 with a loss of labels
/// @param grid    sizes, nonzeros, rules and ridges
/// @param inputs  what the rules need beyond theta
/// @param workers  threads, at least 1; the result does not depend on it
/// @param poll    called between points by the calling thread; may throw to stop
/// @return models, orders of pruning, rank and condition
/// @throws std::invalid_argument for mismatched, empty or non-finite input, or a grid out of range
PrunePathResult prune_path(ConstMatrix x, ConstMatrix y, const Grid& grid, const RuleInputs& inputs,
                           Index workers = 1, const std::function<void()>& poll = {});

/// Refuses a grid that does not suit p features.
/// @param grid  to be checked
/// @param p     number of features
/// @throws std::invalid_argument that names what is wrong
void check_grid(const Grid& grid, Index p);
/// Refuses several targets where a rule trains its own models.
/// @param targets  of the problem
/// @throws std::invalid_argument for more than one
void check_one_target(Index targets);
/// Refuses rules that are not distinct, or none.
/// @param rules  (R) to be checked
/// @throws std::invalid_argument that says what is wrong
void check_rules(const std::vector<Rule>& rules);

}  // namespace overprune
OVERPRUNE_PUBLIC_END
