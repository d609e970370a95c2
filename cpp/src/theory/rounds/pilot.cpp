#include "theory/rounds/pilot.hpp"

#include <algorithm>

#include "theory/dense_law.hpp"

namespace overprune::theory {

std::shared_ptr<const FirstStage> dense_training(const LinearGaussianProblem& problem, double n,
                                                 const Schedule& schedule) {
  const LinearGaussianProblem part = first_features(problem, schedule.size);
  if (!part.diagonal())
    return std::make_shared<const FirstStage>(part, n, schedule.ridge, schedule.ridge);
  const Index k = schedule.size;
  OwnedMatrix sigma(k, k);
  for (Index i = 0; i < k; ++i) sigma(i, i) = part.variances()(i);
  return std::make_shared<const FirstStage>(
      LinearGaussianProblem(part.beta(), column_major(sigma.begin(), k, k),
                            Noise(part.noise_covariance())),
      n, schedule.ridge, schedule.ridge);
}

Index affordable_draws(double operations, double bytes) {
  constexpr double kOperations = 1e11, kBytes = 5e8;
  return static_cast<Index>(
      std::clamp(std::min(kOperations / operations, kBytes / bytes), 256.0, 8192.0));
}

Regularisation common_regularisation(const std::vector<std::vector<double>>& values, double n,
                                     double ridge) {
  Regularisation result;
  std::vector<double> all;
  for (const std::vector<double>& own : values) all.insert(all.end(), own.begin(), own.end());
  if (all.empty()) return result;
  const double supports = static_cast<double>(values.size()), weight = 1.0 / supports;
  result.tau = common_tau(all, supports, n, ridge);
  for (const double value : all) {
    const double a = value / (value + result.tau);
    result.first_trace += weight * a;
    result.second_trace += weight * a * a;
  }
  return result;
}

}  // namespace overprune::theory
