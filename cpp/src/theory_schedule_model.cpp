#include "theory_schedule_model.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "check.hpp"
#include "covariance.hpp"
#include "kernels/table.hpp"
#include "pace.hpp"

namespace overprune::theory {

DenseModel::DenseModel(std::shared_ptr<const LinearGaussianProblem> whole, double samples, double ridge)
    : problem(std::move(whole)), n(samples), values(problem->features()) {
  const Index k = features(), m = targets();
  const ConstMatrix sigma = problem->covariance(), beta = problem->beta(), own = problem->noise_covariance();
  basis_.assign(sigma.data, sigma.data + k * k);
  if (!kernels::active().symmetric_eigen(k, basis_.data(), k, values.data()))
    check::fail("covariance has no eigendecomposition that converges");
  const double rounding = covariance_rounding(k) * std::max(values.back(), 0.0);
  double total = 0.0;
  for (double& value : values) {
    if (value <= rounding) value = 0.0;
    if (value > 0.0) total += 1.0;
  }
  const std::vector<double> weight(k, 1.0);
  std::vector<double> positive(values.end() - static_cast<Index>(total), values.end());
  law.tau = solve_tau(positive, std::vector<double>(positive.size(), 1.0), total, n, ridge);
  share = spare_fraction(total - n, n, ridge, law.tau);
  SmallMatrix rotated(k, m);
  multiply(true, basis(), {beta.data, k, m, k}, 0.0, rotated.block());
  noise = signal = error = overlap = SmallMatrix(m, m);
  for (Index j = 0; j < m; ++j)
    for (Index i = 0; i < m; ++i) error(i, j) = noise(i, j) = own(i, j);
  for (Index v = 0; v < k; ++v) {
    if (values[v] == 0.0) continue;
    const double a = values[v] / (values[v] + law.tau), d = law.tau / (values[v] + law.tau);
    share += a * d / n;
    for (Index j = 0; j < m; ++j)
      for (Index i = 0; i < m; ++i) {
        const double square = values[v] * rotated(v, i) * rotated(v, j);
        signal(i, j) += square;
        overlap(i, j) -= d * square;
        error(i, j) += d * d * square;
      }
  }
  law.risk = inflate(error.trace(), share);
}

SmallMatrix DenseModel::image() const {
  const Index k = features(), m = targets();
  const ConstMatrix sigma = problem->covariance(), beta = problem->beta();
  SmallMatrix product(k, m);
  multiply(false, {sigma.data, k, k, k}, {beta.data, k, m, k}, 0.0, product.block());
  return product;
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
    part = std::make_shared<const LinearGaussianProblem>(part->beta(), column_major(sigma.data(), k, k),
                                                         Noise(part->noise_covariance()));
  }
  return std::make_shared<const DenseModel>(std::move(part), n, schedule.ridge);
}

std::vector<double> DenseModel::eigenvalues(const Indices& support) const {
  const Index s = static_cast<Index>(support.size());
  Buffer buffer;
  const Block sigma = buffer.block(s, s);
  gather(support, support, sigma);
  std::vector<double> found(s);
  if (!kernels::active().symmetric_eigen(s, sigma.data, sigma.ld, found.data()))
    check::fail("covariance has no eigendecomposition that converges");
  const double floor = covariance_rounding(s) * std::max(found.back(), 0.0);
  std::erase_if(found, [floor](double value) { return value <= floor; });
  return found;
}

void SupportSolver::factor(Block matrix) {
  matrix_ = matrix;
  const Index s = matrix.rows;
  const Block original = spare_.block(s, s);
  copy(matrix, original);
  triangular_ = definite_cholesky(matrix);
  rank_ = s;
  if (triangular_) return;
  copy(original, matrix);
  values_.resize(s);
  kernels::active().symmetric_eigen(s, matrix.data, matrix.ld, values_.data());
  const double floor = covariance_rounding(s) * std::max(values_.back(), 0.0);
  rank_ = static_cast<Index>(
      std::count_if(values_.begin(), values_.end(), [&](double value) { return value > floor; }));
}

void SupportSolver::solve(Block b) {
  const auto& kernel = kernels::active();
  const Index s = matrix_.rows;
  if (triangular_) {
    kernel.solve_triangular(true, false, s, b.cols, matrix_.data, matrix_.ld, b.data, b.ld);
    kernel.solve_triangular(true, true, s, b.cols, matrix_.data, matrix_.ld, b.data, b.ld);
    return;
  }
  const Block rotated = rotated_.block(rank_, b.cols);
  const ConstBlock vectors = ConstBlock(matrix_).columns(s - rank_, rank_);
  multiply(true, vectors, b, 0.0, rotated);
  for (Index j = 0; j < b.cols; ++j)
    for (Index i = 0; i < rank_; ++i) rotated(i, j) /= values_[s - rank_ + i];
  multiply(false, vectors, rotated, 0.0, b);
}

Index affordable_draws(double operations, double bytes) {
  constexpr double kOperations = 1e11, kBytes = 5e8;
  return static_cast<Index>(std::clamp(std::min(kOperations / operations, kBytes / bytes), 256.0, 8192.0));
}

Regularisation common_regularisation(const std::vector<std::vector<double>>& values, double n, double ridge) {
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
