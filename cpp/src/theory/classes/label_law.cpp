// A trained classifier as a regression: docs/theory.md, Eq. (81).
#include <algorithm>
#include <cmath>
#include <vector>

#include "base/check.hpp"
#include "overprune/classifier_theory.hpp"
#include "theory/classes/drawn_labels.hpp"

namespace overprune {
namespace {

/// sigma^2 of the regression, omega^2 (1 - (1/n) sum a^2) - kappa^2 sum d^2 u^2.
double noise_variance(const theory::FirstTraining& first, const theory::Energies& energies,
                      double n) {
  double share = 1.0 - first.b, lost = 0.0;
  for (std::size_t j = 0; j < energies.value.size(); ++j) {
    const double d = first.tau / (energies.value[j] + first.tau);
    share += energies.weight[j] * (1.0 - d) * d / n;
    lost += energies.energy[j] * d * d;
  }
  return std::max(0.0, first.omega * share - first.kappa * first.kappa * lost);
}

}  // namespace

LabelLaw label_law(const LinearClassificationProblem& problem, Index n, double ridge,
                   const Loss& loss) {
  check::at_least("n", n, 1);
  check::nonnegative("ridge", ridge);
  const auto samples = static_cast<double>(n);
  const Index p = problem.features();
  check_loss(problem, loss, samples, static_cast<double>(p), ridge);
  const LinearGaussianProblem& field = problem.field();
  LabelLaw law;
  if (loss.is(NamedLoss::square)) {
    law.regression = std::make_shared<const LinearGaussianProblem>(problem.regression());
    law.ridge = ridge;
    return law;
  }
  const theory::Energies energies = theory::energies_of(theory::WhiteBasis(field, true));
  const double variance = problem.signal() + problem.noise_std() * problem.noise_std();
  const theory::FirstTraining first =
      theory::solve_first_training(loss, variance, energies, samples, ridge);
  if (!first.converged) return law;
  std::vector<double> beta(p);
  for (Index i = 0; i < p; ++i) beta[i] = first.kappa * field.beta()(i, 0);
  const ConstMatrix truth = column_major(beta.data(), p, 1);
  const double noise = std::sqrt(noise_variance(first, energies, samples));
  law.regression =
      field.diagonal()
          ? std::make_shared<const LinearGaussianProblem>(truth, field.variances(), noise)
          : std::make_shared<const LinearGaussianProblem>(truth, field.covariance(), noise);
  law.ridge = first.tau * (1.0 - first.b);
  return law;
}

}  // namespace overprune
