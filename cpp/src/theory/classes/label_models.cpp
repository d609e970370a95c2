// Laws of a classifier's coefficients: those of a regression, Eq. (81) of docs/theory.md, retrained
// as labels are, Eq. (89).
#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "base/check.hpp"
#include "overprune/classifier_theory.hpp"
#include "problem/covariance.hpp"
#include "theory/classes/drawn_labels.hpp"
#include "theory/classes/independent_labels.hpp"
#include "theory/laws.hpp"

namespace overprune {
namespace theory {
namespace {

[[noreturn]] void refuse_unsolved(const char* ridge, double value) {
  check::fail(ridge, " must be larger: the equations have not been solved at ", ridge, " ", value);
}

/// What a support that does not depend on the data looks like, on average over the noise of the
/// first training.
/// @param kappa  of the first training
void add_expected(const FirstStage& first, double kappa, const Indices& support, double weight,
                  Supports& supports) {
  const WhiteBasis& basis = first.basis;
  const MatrixLaw& law = first.law;
  const Index s = static_cast<Index>(support.size());
  const double spread = law.omega(0, 0) / first.n;
  const OwnedMatrix fitted = basis.root().apply(scaled_rows(law.a, basis.signal()));
  std::vector<double> squares, values(s);
  for (const double a : law.a) squares.push_back(a * a);
  OwnedMatrix sigma(s, s), means(s, 2), once(s, s), twice(s, s);
  for (Index i = 0; i < s; ++i) {
    means(i, 0) = kappa > 0.0 ? basis.cross()(support[i], 0) / kappa : 0.0;
    means(i, 1) = fitted(support[i], 0);
  }
  basis.principal_block(support, sigma);
  if (!kernels::active().symmetric_eigen(s, sigma.begin(), s, values.data()))
    check::fail("covariance has no eigendecomposition that converges");
  basis.root().gram(support, law.a, once);
  basis.root().gram(support, squares, twice);
  const OwnedMatrix rotated = product(transposed(sigma), means),
                    once_rotated = product(once, sigma), twice_rotated = product(twice, sigma);
  const double zero = covariance_rounding(basis.features()) * values.back();
  // The variance along eigenvector j of a covariance of the support, from its product with all.
  const auto along = [&](Index j, const OwnedMatrix& products) {
    return inner(s, products.begin() + j * s, sigma.begin() + j * s);
  };
  for (Index j = 0; j < s; ++j) {
    if (!(values[j] > zero)) continue;
    const double u = rotated(j, 0), f = rotated(j, 1);
    supports.add(values[j], weight,
                 {weight * u * u, 0.0, weight * spread * values[j], weight * u * f,
                  weight * spread * along(j, once_rotated),
                  weight * (f * f + spread * along(j, twice_rotated))});
  }
}

/// Retraining on labels.
class LabelRetraining final : public Retraining {
 public:
  /// @param part   whose features are all trained
  /// @param point  of the classifier
  LabelRetraining(const LinearClassificationProblem& part, const Loss& loss,
                  const PruningPoint& point)
      : part_(part),
        loss_(loss),
        point_(point),
        n_(static_cast<double>(point.n)),
        variance_(part.signal() + part.noise_std() * part.noise_std()) {}

  RetrainedLaw law(const FirstStage& first, Index nonzeros, const LawDraws& options,
                   const Poll& poll) const override {
    const auto [trained, second] =
        part_.field().diagonal() ? over_atoms(nonzeros) : by_draws(first, nonzeros, options, poll);
    if (!second.converged) refuse_unsolved("retrain_ridge", point_.retrain_ridge);
    RetrainedLaw law;
    law.tau = second.tau;
    law.mixing = OwnedMatrix(3, 1);  // kappa_2 u + r e - c u_1 with u_1 = kappa u + e - w
    if (trained.kappa > 0.0) law.mixing(0, 0) = second.kappa / trained.kappa - second.c;
    law.mixing(1, 0) = second.along - second.c;
    law.mixing(2, 0) = second.c;
    law.residual = OwnedMatrix(std::max(0.0, second.residual) / n_);
    law.root = OwnedMatrix(std::sqrt(law.residual(0, 0)));
    return law;
  }

  std::pair<LinearGaussianProblem, double> known(const Indices& support) const override {
    const LabelLaw law = label_law(part_.restrict(support), point_.n, point_.retrain_ridge, loss_);
    if (!law.regression) refuse_unsolved("retrain_ridge", point_.retrain_ridge);
    return {*law.regression, law.ridge};
  }

 private:
  using Trainings = std::pair<FirstTraining, SecondTraining>;

  Trainings over_atoms(Index nonzeros) const {
    const LinearGaussianProblem& field = part_.field();
    const GroupedFeatures grouped(field.variances(), {field.beta().data, field.features(), 1},
                                  field.noise_std());
    TrainedAtoms trained(grouped.features(), variance_, n_, static_cast<double>(point_.size), loss_,
                         point_.ridge);
    trained.select(point_.rule);
    trained.keep(static_cast<double>(nonzeros));
    return {trained.first(), trained.remembering(point_.retrain_ridge)};
  }

  Trainings by_draws(const FirstStage& first, Index nonzeros, const LawDraws& options,
                     const Poll& poll) const {
    const Indices known = known_support(first.basis, first.law, point_.rule, nonzeros);
    if (known.empty() && !traits(point_.rule).needs_seed) {
      const Grid grid{.sizes = {point_.size},
                      .nonzeros = {nonzeros},
                      .rules = {point_.rule},
                      .retrain_ridge = point_.retrain_ridge,
                      .loss = loss_};
      LabelStudy study(part_.field(), variance_, n_, grid, point_.ridge,
                       {0, 0.005, options.seed, options.workers, nullptr});
      study.run(options.workers, poll);
      return {study.trained(), study.second()};
    }
    const FirstTraining trained = solve_first_training(
        loss_, variance_, energies_of(WhiteBasis(part_.field(), true)), n_, point_.ridge);
    Supports supports;
    if (!known.empty()) {
      add_expected(first, trained.kappa, known, 1.0, supports);
    } else {
      ModelDraws draws(first.basis, first.law, first.n, options.seed);
      for (Index pair = 0; pair < kRandomSupports; ++pair) {
        draws.batch(pair, 1);
        draws.select(0, 1.0);
        add_expected(first, trained.kappa, draws.order(point_.rule, nonzeros),
                     1.0 / kRandomSupports, supports);
      }
    }
    SecondTraining start;
    const double share = static_cast<double>(nonzeros) / static_cast<double>(point_.size);
    start.m = share * trained.m;
    start.q = start.q12 = share * trained.q;
    return {trained, solve_second_training(loss_, variance_, trained, supports, n_,
                                           point_.retrain_ridge, start)};
  }

  const LinearClassificationProblem& part_;
  const Loss& loss_;
  const PruningPoint& point_;
  double n_, variance_;
};

/// A classifier's training as that of a regression.
struct LabelStage {
  const LinearClassificationProblem part;
  PruningPoint as_regression;  ///< ridge: the regression's
  std::unique_ptr<const FirstStage> first;

  LabelStage(const LinearClassificationProblem& problem, const Loss& loss,
             const PruningPoint& point, Index nonzeros, bool retrain, const LawDraws& options)
      : part(first_labels(problem, point, nonzeros, options)), as_regression(point) {
    const auto n = static_cast<double>(point.n);
    if (retrain) check_loss(part, loss, n, static_cast<double>(nonzeros), point.retrain_ridge);
    const LabelLaw law = label_law(part, point.n, point.ridge, loss);
    if (!law.regression) refuse_unsolved("ridge", point.ridge);
    as_regression.ridge = law.ridge;
    first = std::make_unique<const FirstStage>(*law.regression, n, law.ridge,
                                               std::max(law.ridge, point.retrain_ridge));
  }

 private:
  static LinearClassificationProblem first_labels(const LinearClassificationProblem& problem,
                                                  const PruningPoint& point, Index nonzeros,
                                                  const LawDraws& options) {
    check_point(problem.field(), point, {nonzeros}, options);
    Indices features(point.size);
    std::iota(features.begin(), features.end(), Index{0});
    return point.size == problem.features() ? problem : problem.restrict(features);
  }
};

}  // namespace
}  // namespace theory

ModelSamples sample_models(const LinearClassificationProblem& problem, const Loss& loss,
                           const PruningPoint& point, Index nonzeros, bool retrain,
                           const LawDraws& options, const std::function<void()>& poll) {
  if (loss.is(NamedLoss::square))
    return sample_models(problem.regression(), point, nonzeros, retrain, options, poll);
  const Interruptible interruptible(poll);
  const theory::LabelStage stage(problem, loss, point, nonzeros, retrain, options);
  const theory::LabelRetraining retraining(stage.part, loss, point);
  return theory::draw_models(*stage.first, point.rule, nonzeros, retrain ? &retraining : nullptr,
                             options, poll);
}

CoefficientDensity coefficient_density(const LinearClassificationProblem& problem, const Loss& loss,
                                       const PruningPoint& point, Index nonzeros, bool retrain,
                                       ConstVector edges, const Indices& features,
                                       const LawDraws& options, const std::function<void()>& poll) {
  if (loss.is(NamedLoss::square))
    return coefficient_density(problem.regression(), point, nonzeros, retrain, edges, features,
                               options, poll);
  const Interruptible interruptible(poll);
  const theory::LabelStage stage(problem, loss, point, nonzeros, retrain, options);
  const theory::LabelRetraining retraining(stage.part, loss, point);
  return theory::find_density(*stage.first, stage.as_regression, nonzeros,
                              retrain ? &retraining : nullptr, edges, features, options, poll);
}

}  // namespace overprune
