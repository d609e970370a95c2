// Iterative pruning: train, then prune and retrain in rounds - simulated, and predicted in the
// limit.
//
// Round 0 trains the first `size` features. Round t keeps, among the survivors of round t - 1, the
// s_t largest scores of their latest (retrained) coefficients and trains them again on the same
// data.
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

/// Runs the trials, with the data of `simulate`: a schedule of one round gives the figures of a
/// grid of one size and one number of nonzeros. Trial t is a pure function of (problem, schedule,
/// n, seed, t).
///
/// The rules oracle and random score once, at `size`, so that their supports are nested: the oracle
/// by the truth of the problem restricted to the first `size` features, random uniformly.
/// @param problem   what is drawn and judged
/// @param schedule  size, nonzeros, rules and ridges
/// @param trials    which trials, and how
/// @param monitor   called by the calling thread about twenty times a second with the number of
/// trials done;
///                  may throw, which stops the workers and leaves through simulate_schedule
/// @return dense_risk (trial), pruned_risk and retrained_risk (trial, rule, round), and with
/// classes the accuracies; in round 0, where nothing is pruned, the pruned and the retrained model
/// are the dense one
/// @throws std::invalid_argument for a schedule or trials out of range; where a risk overflows to
/// NaN
RiskTable simulate_schedule(const Problem& problem, const Schedule& schedule, const Trials& trials,
                            const std::function<void(Index done)>& monitor = {});

/// Draws that `predict_schedule` takes at least.
inline constexpr Index kLeastScheduleDraws = 32;

/// The limit of simulate_schedule for many samples and features in fixed proportion, of any
/// covariance and number of targets.
/// @param problem   of any covariance and number of targets
/// @param n         samples, >= 1
/// @param schedule  size, nonzeros, rules and ridges
/// @param options   draws of every coordinate's path: at least 32, or 0 until `rtol` is met by the
/// standard errors relative to the risks; its test set is not read
/// @param monitor   called by the calling thread about twenty times a second; what it throws ends
/// the call
/// @return dense_risk (); pruned_risk, retrained_risk and their standard errors (rule, round), 0
/// where no draws were needed; draws (rule). Infinite where the limit diverges: after training as
/// many features as samples without ridge
/// @throws std::invalid_argument for a schedule or options out of range
/// Source: docs/theory.md, section 8.
RiskTable predict_schedule(const LinearGaussianProblem& problem, Index n, const Schedule& schedule,
                           const DrawOptions& options, const std::function<void()>& monitor = {});

}  // namespace overprune
OVERPRUNE_PUBLIC_END
