// Theory: the exact high-dimensional limit of training, pruning and retraining, for independent
// features.
//
// n samples of y = x'beta + noise, x ~ N(0, diag(lam)); equations are numbered as in
// docs/theory.md.
#pragma once

#include <functional>
#include <vector>

#include "overprune/export.hpp"
#include "overprune/problem.hpp"
#include "overprune/prune_path.hpp"
#include "overprune/risk_table.hpp"
#include "overprune/spectrum.hpp"
#include "overprune/types.hpp"

OVERPRUNE_PUBLIC_BEGIN
namespace overprune {

/// Effective ridge tau: the root of
///
///     ridge / tau + (1/n) sum_i lam_i / (lam_i + tau) = 1,
///
/// and 0 where ridge == 0 and at most n eigenvalues are positive. Accurate to rounding for any
/// spectrum between 1e-290 and 1e290.
/// @param eigenvalues  (p) of the covariance, each >= 0; p may be 0
/// @param n            samples, >= 1
/// @param ridge        >= 0, the coefficient in (1/2n) |y - X theta|^2 + (ridge/2) |theta|^2
/// @throws std::invalid_argument for negative or non-finite numbers, n < 1, or sums that overflow
/// Source: docs/theory.md, Eq. (8); Chang et al. 2021 (xi = 1/tau).
double fixed_point(ConstVector eigenvalues, Index n, double ridge);

/// Law of the coefficients: independent Gaussians, coordinate by coordinate.
struct CoefficientLaw {
  std::vector<double> mean;  ///< (p)
  /// (p) infinite where p == n and ridge == 0 (unless nothing is left to fit)
  std::vector<double> variance;
};

/// Law of the trained coefficients,
///
///     theta_i ~ N( lam_i beta_i / (lam_i + tau), (omega^2 / n) lam_i / (lam_i + tau)^2 ).
///
/// A feature of variance 0 has coefficient 0.
/// @param eigenvalues  (p) variances of the features, each >= 0
/// @param beta         (p) true coefficients
/// @param noise_std    standard deviation of the noise, >= 0
/// @param n            samples, >= 1
/// @param ridge        >= 0
/// @throws std::invalid_argument for lengths that differ, negative or non-finite numbers, or n < 1
/// Source: docs/theory.md, Eq. (11); Chang et al. 2021.
CoefficientLaw coefficient_law(ConstVector eigenvalues, ConstVector beta, double noise_std, Index n,
                               double ridge);

/// Test risk sigma^2 + sum_i lam_i E(theta_i - beta_i)^2 of the dense, the pruned and the retrained
/// model.
///
/// Size k trains the first k features; the others add lam_i beta_i^2 each to the noise. Where all k
/// features are kept, pruned equals dense. The retrained risk takes account of the support having
/// been chosen from the same data.
/// @param eigenvalues  (p) variances of the features, each >= 0
/// @param beta         (p) true coefficients
/// @param noise_std    standard deviation of the noise, >= 0
/// @param n            samples, >= 1
/// @param grid         sizes, nonzeros, rules and ridges, as for `simulate`
/// @param poll         called between grid points where not empty; what it throws ends the call
/// @return dense_risk (size), pruned_risk and, if asked for, retrained_risk and compensated_risk
/// (rule, size, nonzeros): NaN where nonzeros > size, infinite where the limit diverges
/// @throws std::invalid_argument for lengths that differ, negative or non-finite numbers, or a bad
/// grid
/// Source: docs/theory.md, Eqs. (10), (16) and (21)-(23); dense and pruned: Chang et al. 2021.
RiskTable predict(ConstVector eigenvalues, ConstVector beta, double noise_std, Index n,
                  const Grid& grid, const std::function<void()>& poll = {});

/// The same for features that are grouped already, and for a Spectrum, in real numbers: n, sizes
/// and nonzeros in the unit of the weights. Costs time in proportion to runs + atoms, whatever the
/// number of features.
/// @param features  of a problem, or of a Spectrum
/// @param n         samples, > 0
/// @param grid      sizes, nonzeros, rules and ridges
/// @param poll      called between grid points where not empty; what it throws ends the call
/// @return risks over the grid
/// @throws std::invalid_argument for n or a grid out of range
/// Source: docs/theory.md, Eqs. (10), (16) and (21)-(23).
RiskTable predict(const GroupedFeatures& features, double n, const RealGrid& grid,
                  const std::function<void()>& poll = {});

/// Who survives pruning, on average over training sets.
struct GroupedSurvival {
  std::vector<double> probability;  ///< (p) of each feature, or (blocks) of the features of each
                                    ///< block of a Spectrum
  /// on |theta| (magnitude), |theta| sqrt(lam) (hessian) or |beta| sqrt(lam) (oracle)
  double threshold = 0.0;
  /// E |S and S_oracle| / s with the support that the rule oracle keeps at this size
  double overlap = 0.0;
};

/// Probability that each of the first k features survives pruning to s; the others have 0. The
/// probabilities add up to s. Of a Gaussian block they are means over its coefficients, and of a
/// block or a group of tied coefficients of which only some are trained or kept, means over its
/// features (for the rule oracle of a finite problem: the first ones).
/// @param features  of a problem, or of a Spectrum
/// @param n         samples, > 0
/// @param size      k, in (0, total]
/// @param nonzeros  s, in (0, k]
/// @param rule      who is kept
/// @param ridge     of the training, >= 0
/// @throws std::invalid_argument for a number out of range
/// Source: docs/theory.md, Eqs. (13)-(15).
GroupedSurvival survival(const GroupedFeatures& features, double n, double size, double nonzeros,
                         Rule rule, double ridge);

/// Rows with known classes, on which draws of the models are judged.
struct TestSet {
  ConstMatrix features;  ///< (N_test, p)
  ConstMatrix targets;   ///< (N_test, m) one-hot
};

/// How `predict` draws the coefficients' law where the risk has no closed form.
struct DrawOptions {
  Index draws = 64;        ///< at least 1, used in antithetic pairs; 0: as many as `rtol` needs
  double rtol = 0.005;     ///< relative standard error at which draws = 0 stops
  std::uint64_t seed = 0;  ///< of the draws
  Index workers = 1;       ///< threads; the result does not depend on it
  const TestSet* test = nullptr;  ///< of labelled rows, for accuracies too; may be null
};

/// The same risks for any covariance and several targets (summed over targets).
///
/// Dense risks, and all of the rule `oracle`, are closed forms. The others are means over draws of
/// the coefficients' law: antithetic pairs of normalised draws, with standard errors by a jackknife
/// over groups of pairs.
/// @param problem  of any covariance and number of targets
/// @param n        samples, >= 1
/// @param grid     sizes, nonzeros, rules and ridges
/// @param options  how many draws, on how many threads
/// @param poll     called about twenty times a second where not empty; what it throws ends the call
/// @return risks over the grid with their Monte Carlo standard errors, 0 where a number is exact;
/// draws (size): how many each took; with a test set accuracies over at most 32 draws, and theirs
/// @throws std::invalid_argument for n < 1, a bad grid, or options out of range
/// Source: docs/theory.md, sections 6 and 9.
RiskTable predict(const LinearGaussianProblem& problem, Index n, const Grid& grid,
                  const DrawOptions& options, const std::function<void()>& poll = {});

/// What the same features may be trained with.
struct Training {
  Index n;       ///< samples, >= 1
  double ridge;  ///< of the first training, >= 0
};

/// The same for several trainings, one result for each, with one decomposition of each size's
/// covariance.
/// @param problem    of any covariance and number of targets
/// @param trainings  (at least one) n and ridge
/// @param grid       its ridge is not read
/// @param options    how many draws, on how many threads
/// @param poll       called about twenty times a second where not empty; what it throws ends the
/// call
/// @return one result for each training
/// @throws std::invalid_argument for trainings, a grid or options out of range
/// Source: docs/theory.md, sections 6 and 9.
std::vector<RiskTable> predict(const LinearGaussianProblem& problem,
                               const std::vector<Training>& trainings, const Grid& grid,
                               const DrawOptions& options, const std::function<void()>& poll = {});

}  // namespace overprune
OVERPRUNE_PUBLIC_END
