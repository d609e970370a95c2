#include "theory/rounds/dense_model.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/pace.hpp"
#include "problem/covariance_root.hpp"

namespace overprune::theory {

DenseModel::DenseModel(std::shared_ptr<const LinearGaussianProblem> whole, double samples,
                       double ridge)
    : problem(std::move(whole)),
      n(samples),
      basis(*problem, may_shrink(*problem, samples, ridge)),
      law(basis, samples, ridge) {
  const Index m = targets();
  noise = error = SmallMatrix(m, m);
  copy(basis.noise(), noise.block());
  copy(law.error, error.block());
}

void DenseModel::gather(const Indices& rows, const Indices& columns, Block out) const {
  const ConstMatrix sigma = problem->covariance();
  Pace pace;
  for (std::size_t j = 0; j < columns.size(); ++j, pace(static_cast<Index>(rows.size()))) {
    const double* column = &sigma(0, columns[j]);
    for (std::size_t i = 0; i < rows.size(); ++i)
      out(static_cast<Index>(i), static_cast<Index>(j)) = column[rows[i]];
  }
}

std::shared_ptr<const DenseModel> dense_model(const LinearGaussianProblem& problem, double n,
                                              const Schedule& schedule) {
  auto part = std::make_shared<const LinearGaussianProblem>(first_features(problem, schedule.size));
  if (part->diagonal()) {
    const Index k = schedule.size;
    std::vector<double> sigma(k * k, 0.0);
    for (Index i = 0; i < k; ++i) sigma[i * k + i] = part->variances()(i);
    part = std::make_shared<const LinearGaussianProblem>(
        part->beta(), column_major(sigma.data(), k, k), Noise(part->noise_covariance()));
  }
  return std::make_shared<const DenseModel>(std::move(part), n, schedule.ridge);
}

std::vector<double> DenseModel::eigenvalues(const Indices& support) const {
  const Index s = static_cast<Index>(support.size());
  Buffer buffer;
  const Block sigma = buffer.block(s, s);
  gather(support, support, sigma);
  return positive_eigenvalues(sigma);
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
  const double weight = 1.0 / static_cast<double>(values.size());
  result.tau = solve_tau(all, std::vector<double>(all.size(), weight),
                         static_cast<double>(all.size()) * weight, n, ridge);
  for (const double value : all) {
    const double a = value / (value + result.tau);
    result.first_trace += weight * a;
    result.second_trace += weight * a * a;
  }
  return result;
}

}  // namespace overprune::theory
