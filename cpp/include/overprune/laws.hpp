// The laws of the models: coefficients, survival of features, draws of models, densities.
#pragma once

#include <functional>
#include <vector>

#include "overprune/export.hpp"
#include "overprune/problem.hpp"
#include "overprune/pruning.hpp"

OVERPRUNE_PUBLIC_BEGIN
namespace overprune {

/// Gaussian law of the trained coefficients: E theta = mean,
/// Cov(theta_it, theta_jr) = spread_ij omega_tr.
struct ModelLaw {
  std::vector<double> mean;  ///< (p, m)
  /// (p) for independent features, else (p, p): (S + tau)^{-1} S (S + tau)^{-1} / n
  std::vector<double> spread;
  std::vector<double> omega;  ///< (m, m) covariance of the test errors; its trace is the test risk
  bool finite = true;  ///< false: the covariance is infinite, and omega what it is a multiple of
};

/// The law of training all p features, for any covariance and several targets; arrays in C order.
/// @param problem  with p features and m targets
/// @param n        samples, at least 1
/// @param ridge    of the training, at least 0
/// @return the law of theta (p, m)
/// @throws std::invalid_argument for n < 1 or a negative ridge
/// Source: docs/theory.md, sections 4 and 9.
ModelLaw model_law(const LinearGaussianProblem& problem, Index n, double ridge);

/// A problem with independent features and one target that has the dense risks of another problem
/// at every n and ridge.
///
/// Its variances are the eigenvalues of the covariance. Its coefficients are the signal along each
/// eigenvector. Zeros make up the number of features.
/// @param problem  of p features
/// @return a problem of p features
LinearGaussianProblem dense_equivalent(const LinearGaussianProblem& problem);

/// Training the first `size` features on n samples, and pruning by `rule`.
struct PruningPoint {
  Index n = 1;                  ///< samples, at least 1
  Index size = 1;               ///< k, in [1, p]
  Rule rule = Rule::magnitude;  ///< which features are kept
  double ridge = 0.0;           ///< of the first training, at least 0
  double retrain_ridge = 0.0;   ///< of the second, at least 0
};

/// How the laws are drawn where they have no closed form. Results do not depend on `workers`.
struct LawDraws {
  Index draws = 1024;      ///< at least 1
  std::uint64_t seed = 0;  ///< of the draws
  Index workers = 1;       ///< threads, at least 1
};

/// Which features survive. Standard errors are empty where the numbers are exact.
struct Survival {
  std::vector<double> probability;         ///< (S, size) of surviving
  std::vector<double> probability_stderr;  ///< (S, size), or empty
  /// (S) threshold on |theta_i|, or on the norm of row i for several targets; hessian: times
  /// sqrt(Sigma_ii); oracle: on the oracle's score; random: NaN
  std::vector<double> threshold;
  std::vector<double> threshold_stderr;  ///< (S), or empty
  std::vector<double> overlap;           ///< (S) expected share of the oracle's support
  std::vector<double> overlap_stderr;    ///< (S), or empty
  std::vector<char> oracle;              ///< (S, size) whether in the oracle's support
};

/// Probability that each feature is among the s of largest score, for every s of `nonzeros`.
///
/// It is exact for independent features with one target and for the rules `oracle` and `random`.
/// Elsewhere it comes from antithetic draws of the dense model; an odd number of draws is raised by
/// one.
/// @param problem   with at least `size` features
/// @param point     training and rule
/// @param nonzeros  (S) strictly increasing in [1, size]
/// @param options   how it is drawn where there is no closed form
/// @param poll      called about twenty times a second if not empty; an exception ends the call
/// @return probabilities, thresholds and overlaps for every s
/// @throws std::invalid_argument for arguments out of range
/// Source: docs/theory.md, section 5.
Survival survival(const LinearGaussianProblem& problem, const PruningPoint& point,
                  const Indices& nonzeros, const LawDraws& options,
                  const std::function<void()>& poll = {});

/// Draws of whole models from their joint law; C order.
struct ModelSamples {
  std::vector<double> dense;      ///< (draws, size, m)
  Indices support;                ///< (draws, s) ascending
  std::vector<double> retrained;  ///< (draws, s, m) on the support; empty without retraining
};

/// Draws the dense model, its support and the model retrained on it. Draws 2 i and 2 i + 1 have
/// opposite noise in the first training. A draw does not depend on the number of draws.
/// @param problem   with at least `size` features
/// @param point     trainings and rule
/// @param nonzeros  s, in [1, size]
/// @param retrain   whether the second training is drawn, too
/// @param options   how many draws, on how many threads
/// @param poll      called about twenty times a second if not empty; an exception ends the call
/// @return the draws
/// @throws std::invalid_argument for arguments out of range, or where a law has infinite variance
/// Source: docs/theory.md, sections 6 and 9.
ModelSamples sample_models(const LinearGaussianProblem& problem, const PruningPoint& point,
                           Index nonzeros, bool retrain, const LawDraws& options,
                           const std::function<void()>& poll = {});

/// Laws of one coefficient taken at random: the probability of each cell over its width.
struct CoefficientDensity {
  std::vector<double> dense;      ///< (m, cells) of all coefficients
  std::vector<double> surviving;  ///< (m, cells) of the dense model's survivors
  /// (m, cells) of the survivors after retraining; empty without retraining
  std::vector<double> retrained;
};

/// Densities averaged over `features`, in the cells of a histogram.
///
/// `dense` is a closed form. `surviving` is one for independent features with one target and for
/// the rules `oracle` and `random`; elsewhere it counts draws. `retrained` averages the Gaussian
/// law given the first training over the draws, at most 128 of them.
/// @param problem   with at least `size` features
/// @param point     trainings and rule
/// @param nonzeros  s, in [1, size]
/// @param retrain   whether `retrained` is wanted
/// @param edges     (cells + 1) strictly increasing
/// @param features  (count) distinct, in [0, size)
/// @param options   how it is drawn where there is no closed form
/// @param poll      called about twenty times a second if not empty; an exception ends the call
/// @return densities of the cells
/// @throws std::invalid_argument for arguments out of range, or where a law has infinite variance
/// Source: docs/theory.md, sections 4 to 6 and 9.
CoefficientDensity coefficient_density(const LinearGaussianProblem& problem,
                                       const PruningPoint& point, Index nonzeros, bool retrain,
                                       ConstVector edges, const Indices& features,
                                       const LawDraws& options,
                                       const std::function<void()>& poll = {});

}  // namespace overprune
OVERPRUNE_PUBLIC_END
