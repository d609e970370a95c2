// Trials of a problem: draw data, train, prune, retrain, measure the risk - over threads.
//
//     const overprune::Grid grid{
//         .sizes = {100, 400}, .nonzeros = {50}, .rules = {overprune::Rule::magnitude}};
//     const auto found =
//         overprune::simulate(problem, grid, {.n = 200, .count = 100, .seed = 1, .workers = 4});
//     // found["pruned_risk"]: (100 trials, 1 rule, 2 sizes, 1 nonzeros)
#pragma once

#include <functional>
#include <optional>

#include "overprune/export.hpp"
#include "overprune/problem.hpp"
#include "overprune/prune_path.hpp"
#include "overprune/risk_table.hpp"

OVERPRUNE_PUBLIC_BEGIN
namespace overprune {

/// Which trials, and how.
struct Trials {
  Index n = 0;             ///< training rows
  Index first = 0;         ///< number of the first trial
  Index count = 0;         ///< how many; at least 1
  std::uint64_t seed = 0;  ///< with the number of a trial the key of its draws
  /// threads over trials, and, where there are fewer trials, over the work inside them; the result
  /// does not depend on it
  Index workers = 1;
  /// `hessian` uses (X'X)_ii / n even where the population is known
  bool sample_curvature = false;
  /// Bytes of X (n, p), at least 0. Above them the columns are drawn anew, block by block, at every
  /// pass of the solvers instead of being held, where the problem streams(). By default they are
  /// kDesignLimit where it redraws_cheaply() (independent Gaussian features), else without limit.
  /// The result does not depend on it.
  std::optional<Index> design_limit = std::nullopt;
};

/// Refuses trials whose numbers are out of range.
/// @param trials  to be checked
/// @throws std::invalid_argument that names what is wrong
void check_trials(const Trials& trials);

/// The table that `simulate` fills, all of it NaN: the names and lengths of its arrays.
/// @param problem  what is simulated
/// @param grid     of the simulation
/// @param trials   how many, at least 0
/// @return arrays with the dimensions (trial, size) or (trial, rule, size, nonzeros)
RiskTable simulated_table(const Problem& problem, const Grid& grid, Index trials);

/// Called by the thread that called `simulate`, about twenty times a second and at the end.
///
/// Trials 0, ..., done - 1 of the call are finished. Their part of `found` is final; the rest is
/// being written. An exception stops the workers within one size of their trial and leaves through
/// `simulate`.
using SimulateMonitor = std::function<void(Index done, const RiskTable& found)>;

/// Runs the trials. Trial t is a pure function of (problem, grid, n, seed, t): neither the number
/// of workers nor the split of a range of trials into calls changes a bit.
/// @param problem  what is drawn and judged
/// @param grid     sizes, nonzeros, rules and ridges
/// @param trials   which trials, and how
/// @param monitor  sees the results grow
/// @return risks and, for classes, accuracies of every trial, the trials first; NaN where
/// nonzeros > size
/// @throws std::invalid_argument for a grid or trials out of range, and where a risk overflows to
/// NaN
/// Source: docs/theory.md, sections 1 and 2.
RiskTable simulate(const Problem& problem, const Grid& grid, const Trials& trials,
                   const SimulateMonitor& monitor = {});

/// Judges the models of prune_path as `simulate` judges those of a trial.
/// @param problem  with the features and targets of the data that the models were fitted to
/// @param grid     of prune_path
/// @param found    by prune_path
/// @param stream   of a data set with random features: the trial whose features judge
/// @param poll     called between points; may throw to stop
/// @return risks and, for classes, accuracies, without a dimension of trials; NaN where nonzeros >
/// size, infinite where a risk leaves double's range
/// @throws std::invalid_argument for shapes that do not match
RiskTable judge_path(const Problem& problem, const Grid& grid, const PrunePathResult& found,
                     std::uint64_t stream = 0, const std::function<void()>& poll = {});

/// What one worker of `simulate` keeps from trial to trial, in bytes.
struct WorkerMemory {
  Index design = 0;   ///< X (n, p), or 0 where its columns are drawn anew
  Index sampler = 0;  ///< what else draws the data and judges the models
  /// what the solvers hold: models, triangles, Gram matrices, the kernels' scratch
  Index engine = 0;
  /// All of it, in bytes.
  Index total() const { return design + sampler + engine; }
};

/// The memory of one worker by the sizes of its buffers, without allocating them.
///
/// It holds for well-conditioned data. Left out are the memory of the rank-revealing path, for
/// factors that cannot be trusted, and that of a risk that nearly vanishes. The caches' share of a
/// product is an estimate.
/// @param problem       what is simulated
/// @param grid          of the simulation
/// @param n             training rows, at least 1
/// @param design_limit  as in Trials; `design` is 0 where X is not held
/// @param threads       inside a trial: 1, or more where there are fewer trials than
/// Trials::workers
/// @return bytes, by what holds them
/// @throws std::invalid_argument for a grid, n, design_limit or threads out of range
WorkerMemory worker_memory(const Problem& problem, const Grid& grid, Index n,
                           std::optional<Index> design_limit = std::nullopt, Index threads = 1);

}  // namespace overprune
OVERPRUNE_PUBLIC_END
