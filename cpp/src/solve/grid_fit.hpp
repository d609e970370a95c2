// The engine of prune_path and simulate: it fits the models of a whole grid to one data set, with
// all factors shared, and hands them to a sink as they are found.
#pragma once

#include <algorithm>
#include <span>

#include "base/block.hpp"
#include "overprune/prune_path.hpp"
#include "problem/design.hpp"
#include "solve/classifier_path.hpp"
#include "solve/compensation.hpp"
#include "solve/lasso_solver.hpp"
#include "solve/path_solver.hpp"
#include "solve/retraining.hpp"

namespace overprune {

/// Whether the retrained model of a support with all features is the dense one.
inline bool trains_alike(const Grid& grid) { return grid.retrain_ridge == grid.ridge; }

/// The grid's nonzeros that a model of k features can have, into the grid.
inline std::span<const Index> fitting(const Grid& grid, Index k) {
  return {grid.nonzeros.begin(), std::upper_bound(grid.nonzeros.begin(), grid.nonzeros.end(), k)};
}

/// The dense model cut down to supports of its first features by score.
/// @param theta     (k, m)
/// @param order     features by falling score, at least nonzeros.back() of them
/// @param nonzeros  (A) strictly increasing
/// @param out       (nonzeros.back(), A m): column i m + t receives s number i, target t,
/// zero-padded; rows in that order
void keep_first(ConstBlock theta, const Indices& order, std::span<const Index> nonzeros, Block out);

/// The most nonzeros of a model of the rule `lasso` with n rows.
Index most_of_lasso(const Grid& grid, Index n);

/// Receives the models of a grid as they are found. All blocks live until the next call only.
class GridSink {
 public:
  virtual ~GridSink() = default;
  /// @param theta  (sizes.back(), K m): column i m + t is size i, target t, zero-padded
  virtual void dense(ConstBlock theta) = 0;
  /// One (size, rule).
  /// @param order  (theta.rows) features by falling score
  /// @param pruned, retrained  (c, A m) for the first A nonzeros, those that are at most the size;
  ///                           rows in that order, zero-padded; `retrained` is empty where the
  ///                           grid asks for none
  virtual void pruned(Index size, Index rule, const Indices& order, ConstBlock pruned,
                      ConstBlock retrained) = 0;
  /// One (size, nonzeros) of a rule that trains its own models, by numbers.
  /// @param model      null where there is none
  /// @param retrained  (c, 1) on its support; empty where the grid asks for none
  virtual void trained(Index size, Index rule, Index nonzeros, const SparseModel* model,
                       ConstBlock retrained) = 0;
  /// After `pruned`, where the grid asks for it.
  /// @param compensated  (c, A m) as `pruned`
  virtual void compensated(Index size, Index rule, const Indices& order,
                           ConstBlock compensated) = 0;
};

/// What is found out about each size on the way, by the loss.
struct FitInfo {
  SolveInfo squares;
  ClassifierInfo classifiers;
};

/// Keeps its memory from call to call; not for two threads at once.
class GridFit {
 public:
  /// @param x      (n, p)
  /// @param y      (n, m); with a loss of labels 1, and -1 or 0
  /// @param units  (m) what each target's coefficients count in when features are scored; empty:
  /// all alike
  void run(const Design& x, ConstBlock y, const Grid& grid, const RuleInputs& inputs,
           GridSink& sink, FitInfo* info, const Poll& poll, std::span<const double> units = {});
  /// Adds what `run` holds for trials of n rows. @param streamed  as in PathSolver::need
  static void need(const Problem& problem, const Grid& grid, Index n, bool streamed,
                   MemoryNeed& need);

 private:
  void run_point(Index size, Index rule, ConstBlock theta, const Grid& grid,
                 const RuleInputs& inputs, GridSink& sink, const Poll& poll);
  /// All models of a rule that trains its own.
  void run_own(const Design& x, ConstBlock y, Index rule, const Grid& grid, GridSink& sink,
               const Poll& poll);
  void train(const Design& x, ConstBlock y, const Grid& grid, Block dense, FitInfo* info,
             const Poll& poll);
  void retrain(std::span<const Index> nonzeros, const Grid& grid, Block theta, const Poll& poll);
  void prepare_scores(const Design& x, const Grid& grid, const RuleInputs& inputs,
                      const Poll& poll);
  ConstMatrix in_units(ConstBlock theta);
  ConstVector weights(int curvature_power, Index k);
  /// The first `count` features by falling score.
  void find_order(Rule rule, Index size, Index k, ConstBlock theta, const RuleInputs& inputs,
                  Index count, Indices& order);

  PathSolver path_;
  RetrainSolver retrainer_;
  ClassifierSolver classifier_;
  Design x_;           // during a run
  ConstBlock labels_;  // (n, m) -1 and 1, with a loss of labels
  Compensator compensator_;
  LassoSolver lasso_;
  std::vector<double> root_curvature_, weights_, uniform_, scores_;
  SelectionSpace selection_;
  Indices order_, other_order_;
  std::span<const double> units_;  // during a run
  std::vector<char> done_;         // (rules, sizes) whether the sink has had the models
  Buffer space_, common_, dense_, pruned_, retrained_, compensated_, design_, label_buffer_,
      support_;
};

}  // namespace overprune
