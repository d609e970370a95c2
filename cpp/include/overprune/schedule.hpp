// Iterative pruning, simulated and predicted: train, then prune and retrain in rounds.
//
// Round 0 trains the first `size` features. Round t scores the survivors of round t - 1 by their
// latest (retrained) coefficients, keeps the s_t largest scores and trains these features again on
// the same data.
#pragma once

#include <functional>

#include "overprune/export.hpp"
#include "overprune/problem.hpp"
#include "overprune/pruning.hpp"
#include "overprune/simulate.hpp"
#include "overprune/theory.hpp"

OVERPRUNE_PUBLIC_BEGIN
namespace overprune {

/// One size, and the nonzeros after each round.
struct Schedule {
  Index size = 0;              ///< features of the dense model, in [1, p]
  Indices nonzeros;            ///< (T) s_1, ..., s_T: strictly decreasing in [1, size]
  std::vector<Rule> rules;     ///< (R) distinct
  double ridge = 0.0;          ///< of the dense training
  double retrain_ridge = 0.0;  ///< of every later one
};

/// Refuses a schedule that does not suit p features.
/// @param schedule  to be checked
/// @param p         number of features
/// @throws std::invalid_argument that names what is wrong
void check_schedule(const Schedule& schedule, Index p);

/// The table that `simulate_schedule` fills, all of it NaN: the names and lengths of its arrays.
/// @param problem   what is simulated
/// @param schedule  of the simulation
/// @param trials    how many, at least 0
/// @return arrays with the dimensions (trial) or (trial, rule, round)
/// @throws std::invalid_argument for a schedule or trials out of range
RiskTable simulated_table(const Problem& problem, const Schedule& schedule, Index trials);

/// Runs the trials, with the data of `simulate`.
///
/// A schedule of one round gives the numbers of a grid of one size and one number of nonzeros.
/// Trial t is a pure function of (problem, schedule, n, seed, t). The rules oracle and random score
/// once, at `size`, so their supports are nested. The oracle scores by the truth of the problem
/// restricted to the first `size` features; random scores are uniform.
/// @param problem   what is drawn and judged
/// @param schedule  size, nonzeros, rules and ridges
/// @param trials    which trials, and how
/// @param monitor   called by the calling thread about twenty times a second with the number of
///                  trials done; an exception stops the workers and leaves through the call
/// @return dense_risk (trial), pruned_risk and retrained_risk (trial, rule, round), and the
/// accuracies where there are classes. Round 0 prunes nothing: its pruned and its retrained model
/// are the dense one
/// @throws std::invalid_argument for a schedule or trials out of range; where a risk overflows to
/// NaN
RiskTable simulate_schedule(const Problem& problem, const Schedule& schedule, const Trials& trials,
                            const std::function<void(Index done)>& monitor = {});

/// The least number of draws of `predict_schedule`.
inline constexpr Index kLeastScheduleDraws = 32;

/// The limit of simulate_schedule for many samples and features in fixed proportion.
/// @param problem   of any covariance and number of targets
/// @param n         samples, >= 1
/// @param schedule  size, nonzeros, rules and ridges
/// @param options   draws of every coordinate's path: at least 32, or 0 for as many as `rtol`
///                  needs, the standard error relative to the risk; its test set is not read
/// @param monitor   called by the calling thread about twenty times a second; an exception ends
///                  the call
/// @return dense_risk (); pruned_risk, retrained_risk and their standard errors (rule, round), 0
/// where no draws were needed; draws (rule). Risks are infinite where the limit diverges: after
/// training as many features as samples without ridge
/// @throws std::invalid_argument for a schedule or options out of range
/// Source: docs/theory.md, section 8.
RiskTable predict_schedule(const LinearGaussianProblem& problem, Index n, const Schedule& schedule,
                           const DrawOptions& options, const std::function<void()>& monitor = {});

}  // namespace overprune
OVERPRUNE_PUBLIC_END
