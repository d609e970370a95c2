#include "overprune/problem.hpp"

#include <cmath>

#include "block.hpp"
#include "check.hpp"
#include "covariance.hpp"
#include "overprune/pruning.hpp"
#include "samplers.hpp"

namespace overprune {
namespace {

std::vector<double> dense_copy(ConstMatrix from) {
  std::vector<double> to(from.rows * from.cols);
  copy_strided(from, 1.0, {to.data(), from.rows, from.cols, from.rows});
  return to;
}

std::vector<double> copy_of(ConstVector from) {
  std::vector<double> to(from.size);
  for (Index i = 0; i < from.size; ++i) to[i] = from(i);
  return to;
}

/// Sigma_DD, (k, k) column-major.
std::vector<double> principal_block(ConstMatrix sigma, const Indices& features) {
  std::vector<double> block;
  block.reserve(features.size() * features.size());
  for (const Index j : features)
    for (const Index i : features) block.push_back(sigma(i, j));
  return block;
}

void check_one_hot(const char* name, ConstMatrix rows) {
  for (Index i = 0; i < rows.rows; ++i) {
    Index ones = 0, others = 0;
    for (Index t = 0; t < rows.cols; ++t) (rows(i, t) == 1.0 ? ones : others) += rows(i, t) != 0.0;
    if (ones != 1 || others != 0) check::fail(name, " must be one-hot where they are classes, got row ", i);
  }
}

void check_symmetric(ConstMatrix covariance) {
  double largest = 0.0;
  for (Index i = 0; i < covariance.rows; ++i) largest = std::max(largest, std::abs(covariance(i, i)));
  for (Index j = 0; j < covariance.cols; ++j)
    for (Index i = 0; i < j; ++i)
      if (std::abs(covariance(i, j) - covariance(j, i)) > 1e-10 * largest)
        check::fail("covariance must be symmetric, got ", covariance(i, j), " at (", i, ", ", j, ") and ",
                    covariance(j, i), " at (", j, ", ", i, ")");
}

}  // namespace

LinearGaussianProblem::LinearGaussianProblem(ConstMatrix beta, ConstVector variances, double noise_std)
    : p_(beta.rows),
      m_(beta.cols),
      noise_std_(noise_std),
      beta_(dense_copy(beta)),
      variances_(copy_of(variances)) {
  check::at_least("beta (length)", p_, 1);
  check::at_least("beta (targets)", m_, 1);
  check::same("covariance", p_, variances.size);
  check::finite("beta", beta);
  check::finite("covariance", variances);
  check::nonnegative("noise_std", noise_std);
  check::not_negative("covariance", variances);
}

LinearGaussianProblem::LinearGaussianProblem(ConstMatrix beta, ConstMatrix covariance, double noise_std)
    : p_(beta.rows),
      m_(beta.cols),
      noise_std_(noise_std),
      beta_(dense_copy(beta)),
      covariance_(dense_copy(covariance)) {
  check::at_least("beta (length)", p_, 1);
  check::at_least("beta (targets)", m_, 1);
  check::same("covariance (rows)", p_, covariance.rows);
  check::same("covariance (columns)", p_, covariance.cols);
  check::finite("beta", beta);
  check::finite("covariance", covariance);
  check::nonnegative("noise_std", noise_std);
  check_symmetric(covariance);
  for (Index i = 0; i < p_; ++i) variances_.push_back(covariance(i, i));
  factor_ = covariance_;
  factorize_covariance({factor_.data(), p_, p_, p_});
}

double LinearGaussianProblem::null_risk() const {
  const std::vector<double> zero(beta_.size(), 0.0);
  double value = 0.0;
  risk(column_major(zero.data(), p_, m_), {&value, 1, 1});
  return value;
}

void LinearGaussianProblem::risk(ConstMatrix theta, Vector risk) const {
  check::same("theta", p_, theta.rows);
  check::same("theta (columns)", risk.size * m_, theta.cols);
  check::finite("theta", theta);
  Buffer buffer;
  const Block coefficients = buffer.block(p_, theta.cols);
  copy_strided(theta, 1.0, coefficients);
  std::vector<double> values(risk.size);
  GaussianRisk(*this).evaluate({nullptr, p_, column_major(coefficients.data, p_, theta.cols)}, values.data());
  for (Index b = 0; b < risk.size; ++b) risk(b) = values[b];
}

void LinearGaussianProblem::sample(Index n, std::uint64_t seed, std::uint64_t stream, Matrix x,
                                   Matrix y) const {
  check::same("x (rows)", n, x.rows);
  check::same("x (columns)", p_, x.cols);
  check::same("y (rows)", n, y.rows);
  check::same("y (columns)", m_, y.cols);
  const auto source = sampler(n);
  source->draw(seed, stream);
  const ConstMatrix design = source->design(), response = source->response();
  copy_out({design.data, n, p_, design.col_stride}, x);
  copy_out({response.data, n, m_, response.col_stride}, y);
}

std::unique_ptr<Sampler> LinearGaussianProblem::sampler(Index n) const {
  check::at_least("n", n, 1);
  return make_sampler(*this, n);
}

/// (k, m): Sigma_DD^+ Sigma_D: beta, by a rank-revealing decomposition where Sigma_DD is singular.
std::vector<double> LinearGaussianProblem::restricted_beta(const Indices& features) const {
  const Index k = static_cast<Index>(features.size());
  std::vector<double> result(k * m_);
  const Block solution{result.data(), k, m_, k};
  const ConstMatrix sigma = covariance();
  if (diagonal()) {
    for (Index t = 0; t < m_; ++t)
      for (Index i = 0; i < k; ++i) solution(i, t) = beta_[t * p_ + features[i]];
    return result;
  }
  const std::vector<double> block = principal_block(sigma, features);
  Buffer cross_buffer;
  const Block cross = cross_buffer.block(k, m_);
  for (Index t = 0; t < m_; ++t)
    for (Index i = 0; i < k; ++i) {
      double sum = 0.0;
      for (Index j = 0; j < p_; ++j) sum += sigma(j, features[i]) * beta_[t * p_ + j];
      cross(i, t) = sum;
    }
  solve_covariance({block.data(), k, k, k}, cross, solution);
  return result;
}

LinearGaussianProblem LinearGaussianProblem::restrict(const Indices& features) const {
  if (m_ > 1) check::fail("restrict needs one target, got beta with ", m_);
  if (features.empty()) check::fail("features must not be empty");
  check::distinct("features", features, p_);
  const Index k = static_cast<Index>(features.size());
  const std::vector<double> beta = restricted_beta(features);
  // The risk of beta_D in the full problem is the restricted problem's noise.
  std::vector<double> embedded(p_, 0.0);
  for (Index i = 0; i < k; ++i) embedded[features[i]] = beta[i];
  double noise = 0.0;
  risk(column_major(embedded.data(), p_, 1), {&noise, 1, 1});
  const ConstMatrix beta_view = column_major(beta.data(), k, 1);
  if (diagonal()) {
    std::vector<double> variances(k);
    for (Index i = 0; i < k; ++i) variances[i] = variances_[features[i]];
    return {beta_view, vector_view(variances), std::sqrt(noise)};
  }
  const std::vector<double> block = principal_block(covariance(), features);
  return {beta_view, column_major(block.data(), k, k), std::sqrt(noise)};
}

void LinearGaussianProblem::oracle_scores(Index k, double* scores) const {
  if (k < 1 || k > p_) check::fail("k must lie in [1, ", p_, "], got ", k);
  Indices first(k);
  std::vector<double> root_variances(k);
  for (Index i = 0; i < k; ++i) {
    first[i] = i;
    root_variances[i] = std::sqrt(variances_[i]);
  }
  const std::vector<double> beta = restricted_beta(first);
  rank_scores(column_major(beta.data(), k, m_), vector_view(root_variances), {scores, k, 1});
}

DataProblem::DataProblem(const Data& data, bool classes, Index features, const ScalarFunction& activation,
                         std::uint64_t seed)
    : p_(features > 0 ? features : data.inputs.cols),
      m_(data.targets.cols),
      d_(data.inputs.cols),
      rows_(data.inputs.rows),
      test_rows_(data.test_inputs.rows),
      classes_(classes),
      random_(features > 0),
      activation_(activation),
      seed_(seed),
      inputs_(dense_copy(data.inputs)),
      targets_(dense_copy(data.targets)),
      test_inputs_(dense_copy(data.test_inputs)),
      test_targets_(dense_copy(data.test_targets)) {
  check::at_least("inputs (rows)", rows_, 1);
  check::at_least("inputs (columns)", d_, 1);
  check::at_least("targets (columns)", m_, 1);
  check::at_least("test_inputs (rows)", test_rows_, 1);
  check::at_least("features", features, 0);
  check::same("targets", rows_, data.targets.rows);
  check::same("test_inputs (columns)", d_, data.test_inputs.cols);
  check::same("test_targets", test_rows_, data.test_targets.rows);
  check::same("test_targets (columns)", m_, data.test_targets.cols);
  check::finite("inputs", data.inputs);
  check::finite("targets", data.targets);
  check::finite("test_inputs", data.test_inputs);
  check::finite("test_targets", data.test_targets);
  if (classes) {
    check_one_hot("targets", data.targets);
    check_one_hot("test_targets", data.test_targets);
  }
}

void DataProblem::oracle_scores(Index, double*) const {
  check::fail(
      "rule oracle needs the truth, which a data set does not tell; use magnitude, hessian or random");
}

std::unique_ptr<Sampler> DataProblem::sampler(Index n) const {
  check::at_least("n", n, 1);
  if (n > rows_) check::fail("n must be at most the ", rows_, " training rows of the data set, got ", n);
  return make_sampler(*this, n);
}

}  // namespace overprune
