#include "theory/laws.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/check.hpp"
#include "base/workers.hpp"
#include "problem/covariance.hpp"

namespace overprune {
namespace theory {

void check_point(const LinearGaussianProblem& problem, const PruningPoint& point,
                 const Indices& nonzeros, const LawDraws& options) {
  check::at_least("n", point.n, 1);
  if (point.size < 1 || point.size > problem.features())
    check::fail("size must lie in [1, ", problem.features(), "], got ", point.size);
  check::increasing("nonzeros", nonzeros, 1, point.size);
  check_cuts(point.rule, "a law of coefficients");
  check::nonnegative("ridge", point.ridge);
  check::nonnegative("retrain_ridge", point.retrain_ridge);
  check::at_least("draws", options.draws, 1);
  check::at_least("workers", options.workers, 1);
}

FirstStage first_stage(const LinearGaussianProblem& problem, const PruningPoint& point) {
  return {first_features(problem, point.size), static_cast<double>(point.n), point.ridge,
          std::max(point.ridge, point.retrain_ridge)};
}

RetrainedLaw RegressionRetraining::law(const FirstStage& first, Index nonzeros,
                                       const LawDraws& options, const Poll& poll) const {
  const Grid grid{{point_.size}, {nonzeros},           {point_.rule}, true,
                  point_.ridge,  point_.retrain_ridge, false};
  SizeStudy study(first.basis, point_.n, grid,
                  DrawOptions{0, 0.005, options.seed, options.workers, nullptr});
  study.run(options.workers, poll);
  return retrained_regression(first.basis, study, first.n, grid, point_.rule, nonzeros,
                              options.seed);
}

DrawnModels::DrawnModels(const FirstStage& first, Rule rule, Index nonzeros,
                         const Retraining* retraining, const LawDraws& options, const Poll& poll)
    : first_(first),
      rule_(rule),
      nonzeros_(nonzeros),
      seed_(options.seed),
      retrain_(retraining != nullptr) {
  const auto refuse = [&](const char* features, const char* ridge, const char* which) {
    check::fail("n must differ from the number of ", features, " that vary, or ", ridge,
                " be positive: the ", which,
                " coefficients have infinite variance, got n = ", first.n);
  };
  if (!first.law.finite) refuse("features", "ridge", "trained");
  if (!retrain_) return;
  second_ = retraining->law(first, nonzeros, options, poll);
  if (!second_.finite()) refuse("survivors", "retrain_ridge", "retrained");
}

}  // namespace theory

ModelLaw model_law(const LinearGaussianProblem& problem, Index n, double ridge) {
  check::at_least("n", n, 1);
  check::nonnegative("ridge", ridge);
  const double samples = static_cast<double>(n);
  const theory::FirstStage first(problem, samples, ridge, ridge);
  const theory::MatrixLaw& law = first.law;
  const Index p = problem.features(), m = problem.targets();
  ModelLaw result;
  result.finite = law.finite;
  for (Index i = 0; i < p; ++i)
    for (Index t = 0; t < m; ++t) result.mean.push_back(law.mean(i, t));
  for (Index t = 0; t < m; ++t)
    for (Index r = 0; r < m; ++r) result.omega.push_back(law.omega(t, r));
  if (problem.diagonal()) {
    result.spread = law.solver.square_rows();
    for (double& variance : result.spread) variance /= samples;
    return result;
  }
  result.spread.resize(p * p);
  const Block spread{result.spread.data(), p, p, p};
  Indices all(p);
  std::iota(all.begin(), all.end(), Index{0});
  law.solver.gram(all, std::vector<double>(first.basis.rank(), 1.0 / samples), spread);
  // Where the variances are infinite, a covariance that is zero up to rounding stays zero.
  const double rounding = law.finite ? 0.0 : covariance_rounding(p);
  for (Index j = 0; j < p; ++j)
    for (Index i = 0; i < j; ++i) {
      if (std::abs(spread(i, j)) <= rounding * std::sqrt(spread(i, i) * spread(j, j)))
        spread(i, j) = 0.0;
      spread(j, i) = spread(i, j);
    }
  return result;
}

LinearGaussianProblem dense_equivalent(const LinearGaussianProblem& problem) {
  const theory::WhiteBasis basis(problem, true);
  std::vector<double> variances(problem.features(), 0.0), beta(problem.features(), 0.0);
  for (Index j = 0; j < basis.rank(); ++j) {
    variances[j] = basis.values()[j];
    double square = 0.0;
    for (Index t = 0; t < problem.targets(); ++t)
      square += basis.signal()(j, t) * basis.signal()(j, t);
    beta[j] = std::sqrt(square) / std::sqrt(variances[j]);
  }
  return {column_major(beta.data(), problem.features(), 1), vector_view(variances),
          std::sqrt(problem.noise_floor())};
}

namespace theory {

ModelSamples draw_models(const FirstStage& first, Rule rule, Index nonzeros,
                         const Retraining* retraining, const LawDraws& options, const Poll& poll) {
  const DrawnModels models(first, rule, nonzeros, retraining, options, poll);
  const Index k = first.problem.features(), m = first.problem.targets(), s = nonzeros,
              pairs = (options.draws + 1) / 2;
  ModelSamples result;
  result.dense.resize(options.draws * k * m);
  result.support.resize(options.draws * s);
  if (retraining) result.retrained.resize(options.draws * s * m);
  const Index chunks = std::min(options.workers, pairs);
  const auto draw_chunk = [&](Index chunk, const Poll& stop) {
    Indices position(s);
    models.each(chunk, chunks, pairs, stop, [&](Index draw, ModelDraws& draws, PointLaw& law) {
      if (draw >= options.draws) return;
      law.draw(draws);
      const ConstBlock theta = draws.theta();
      for (Index i = 0; i < k; ++i)
        for (Index t = 0; t < m; ++t) result.dense[(draw * k + i) * m + t] = theta(i, t);
      const Indices& support = law.support();
      std::iota(position.begin(), position.end(), Index{0});
      std::sort(position.begin(), position.end(),
                [&](Index a, Index b) { return support[a] < support[b]; });
      for (Index i = 0; i < s; ++i) {
        result.support[draw * s + i] = support[position[i]];
        for (Index t = 0; retraining && t < m; ++t)
          result.retrained[(draw * s + i) * m + t] = law.retrained()(position[i], t);
      }
    });
  };
  parallel_for(chunks, options.workers, draw_chunk, poll);
  for (const auto* models_drawn : {&result.dense, &result.retrained})
    for (const double coefficient : *models_drawn)
      if (!std::isfinite(coefficient)) check::out_of_range("models", static_cast<double>(k));
  return result;
}

}  // namespace theory

ModelSamples sample_models(const LinearGaussianProblem& problem, const PruningPoint& point,
                           Index nonzeros, bool retrain, const LawDraws& options,
                           const std::function<void()>& poll) {
  const Interruptible interruptible(poll);
  theory::check_point(problem, point, {nonzeros}, options);
  const theory::FirstStage first = theory::first_stage(problem, point);
  const theory::RegressionRetraining retraining(first.problem, point);
  return theory::draw_models(first, point.rule, nonzeros, retrain ? &retraining : nullptr, options,
                             poll);
}

}  // namespace overprune
