// The preparations for rounds of correlated features: the dense training, the effective ridge of
// each round from a few pilot supports, and how many draws a user may wait for.
#pragma once

#include <memory>
#include <vector>

#include "overprune/schedule.hpp"
#include "theory/matrix_law.hpp"

namespace overprune::theory {

/// Training the first `size` features, with a covariance that is stored in full whatever it is.
std::shared_ptr<const FirstStage> dense_training(const LinearGaussianProblem& problem, double n,
                                                 const Schedule& schedule);

/// What training many supports of a round has in common: tau = 0, or the root of
/// ridge / tau + (1/n) E tr Sigma_SS (Sigma_SS + tau)^{-1} = 1.
struct Regularisation {
  double tau = 0.0;
  double first_trace = 0.0, second_trace = 0.0;  ///< E tr Q and E tr Q^2
};
/// @param values  positive eigenvalues of Sigma_SS for some of the supports; none: no tau is needed
Regularisation common_regularisation(const std::vector<std::vector<double>>& values, double n,
                                     double ridge);

/// How many supports to take eigenvalues of, once for all draws: their traces vary by a fraction of
/// a percent.
inline constexpr Index kPilotSupports = 16;
/// The most draws that a call takes on its own.
/// @param operations, bytes  of one draw
Index affordable_draws(double operations, double bytes);

}  // namespace overprune::theory
