// Theory of classifiers: the limit of training, pruning and retraining on labels, any convex loss.
//
//     const overprune::Grid grid{.sizes = {200, 600},
//                                .nonzeros = {60},
//                                .rules = {overprune::Rule::hessian},
//                                .ridge = 0.1,
//                                .retrain_ridge = 0.1,
//                                .loss = overprune::NamedLoss::logistic};
//     const auto found = overprune::predict_labels(problem, {{300, 0.1}}, grid, {});
//     // found[0]["retrained_error"]: (1 rule, 2 sizes, 1 nonzeros)
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "overprune/classification.hpp"
#include "overprune/export.hpp"
#include "overprune/laws.hpp"
#include "overprune/theory.hpp"

OVERPRUNE_PUBLIC_BEGIN
namespace overprune {

/// Test error and overlaps of the dense, pruned and retrained classifier.
///
/// Independent features: the limit, without draws. Correlated ones: the dense models and all of the
/// rule `oracle` exactly, the others by means over draws of the first training's law, in antithetic
/// pairs of normalised draws, with jackknife errors. The retrained models take into account that
/// their support was chosen with the same data.
/// @param problem    of any covariance
/// @param trainings  (at least one) n and ridge
/// @param grid       sizes, nonzeros, rules, retrain_ridge and loss; its ridge is not read
/// @param options    how many draws, on how many threads; only the threads for independent features
/// @param poll       called now and then if not empty; an exception ends the call
/// @return one result for each training: error, teacher_overlap and self_overlap of every stage,
/// NaN where nonzeros > size and where the equations have not been solved;
/// for correlated features standard errors and draws, too
/// @throws std::invalid_argument for trainings, a grid or options out of range, and where
/// check_loss refuses
/// Source: docs/theory.md, section 11.
std::vector<RiskTable> predict_labels(const LinearClassificationProblem& problem,
                                      const std::vector<Training>& trainings, const Grid& grid,
                                      const DrawOptions& options,
                                      const std::function<void()>& poll = {});

/// A regression whose trained coefficients have the law of a classifier's.
struct LabelLaw {
  /// coefficients kappa beta, and noise; null where the equations have not been solved
  std::shared_ptr<const LinearGaussianProblem> regression;
  double ridge = 0.0;  ///< of its training
};

/// The law of a classifier trained once: that of ridge regression on other responses.
/// @param problem  of any covariance
/// @param n        samples, at least 1
/// @param ridge    of the training, at least 0
/// @param loss     of the training
/// @return the regression
/// @throws std::invalid_argument for n or a ridge out of range, and where check_loss refuses
/// Source: docs/theory.md, Eq. (81).
LabelLaw label_law(const LinearClassificationProblem& problem, Index n, double ridge,
                   const Loss& loss);

/// Draws of whole classifiers from their joint law, as of regressions.
///
/// Draws 2 i and 2 i + 1 have opposite noise in the first training. A draw does not depend on the
/// number of draws.
/// @param problem   with at least `size` features
/// @param loss      of both trainings
/// @param point     trainings and rule
/// @param nonzeros  s, in [1, size]
/// @param retrain   whether the second training is drawn, too
/// @param options   how many draws, on how many threads
/// @param poll      called about twenty times a second if not empty; an exception ends the call
/// @return the draws
/// @throws std::invalid_argument for arguments out of range, where check_loss refuses, where a law
/// has infinite variance, or where its equations have not been solved
/// Source: docs/theory.md, Eqs. (79), (81) and (89).
ModelSamples sample_models(const LinearClassificationProblem& problem, const Loss& loss,
                           const PruningPoint& point, Index nonzeros, bool retrain,
                           const LawDraws& options, const std::function<void()>& poll = {});

/// Densities of a classifier's coefficients averaged over `features`, in the cells of a histogram.
///
/// `dense`, `surviving` and `retrained` are found as those of a regression are.
/// @param problem   with at least `size` features
/// @param loss      of both trainings
/// @param point     trainings and rule
/// @param nonzeros  s, in [1, size]
/// @param retrain   whether `retrained` is wanted
/// @param edges     (cells + 1) strictly increasing
/// @param features  (count) distinct, in [0, size)
/// @param options   how it is drawn where there is no closed form
/// @param poll      called about twenty times a second if not empty; an exception ends the call
/// @return densities of the cells
/// @throws std::invalid_argument as sample_models does
/// Source: docs/theory.md, Eqs. (79), (81) and (89).
CoefficientDensity coefficient_density(const LinearClassificationProblem& problem, const Loss& loss,
                                       const PruningPoint& point, Index nonzeros, bool retrain,
                                       ConstVector edges, const Indices& features,
                                       const LawDraws& options,
                                       const std::function<void()>& poll = {});

}  // namespace overprune
OVERPRUNE_PUBLIC_END
