#include "overprune/problem.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/block.hpp"
#include "base/check.hpp"
#include "base/pace.hpp"
#include "kernels/table.hpp"
#include "overprune/pruning.hpp"
#include "problem/covariance.hpp"
#include "problem/covariance_root.hpp"
#include "problem/features.hpp"
#include "problem/samplers.hpp"

namespace overprune {
namespace {

std::vector<double> dense_copy(ConstMatrix from) {
  std::vector<double> to(from.rows * from.cols);
  copy_strided(from, 1.0, {to.data(), from.rows, from.cols, from.rows});
  return to;
}

/// Finite, and so that squares are finite, too.
void check_data(const char* name, ConstMatrix values) {
  check::finite(name, values);
  for (Index j = 0; j < values.cols; ++j)
    for (Index i = 0; i < values.rows; ++i)
      if (std::abs(values(i, j)) > 1e150)
        check::fail(name, " must be at most 1e150 in size, got ", values(i, j), " at (", i, ", ", j,
                    ")");
}

void check_one_hot(const char* name, ConstMatrix rows) {
  Pace pace;
  for (Index i = 0; i < rows.rows; ++i, pace(rows.cols)) {
    Index ones = 0, others = 0;
    for (Index t = 0; t < rows.cols; ++t) (rows(i, t) == 1.0 ? ones : others) += rows(i, t) != 0.0;
    if (ones != 1 || others != 0)
      check::fail(name, " must be one-hot where they are classes, got row ", i);
  }
}

/// Whether they are one column of -1 and 1.
bool are_labels(ConstMatrix targets) {
  for (Index i = 0; i < targets.rows; ++i)
    if (std::abs(targets(i, 0)) != 1.0) return false;
  return targets.cols == 1;
}

/// A copy of a covariance matrix of that size, and its factor, once it is known to be one.
void take_covariance(const char* name, ConstMatrix from, Index size,
                     std::vector<double>& covariance, std::vector<double>& factor) {
  const std::string label = name;
  check::same((label + " (rows)").c_str(), size, from.rows);
  check::same((label + " (columns)").c_str(), size, from.cols);
  check::finite(name, from);
  check::symmetric(name, from);
  covariance = factor = dense_copy(from);
  factorize_covariance({factor.data(), size, size, size}, name);
}

}  // namespace

LinearGaussianProblem::LinearGaussianProblem(ConstMatrix beta, Noise noise)
    : p_(beta.rows), m_(beta.cols), noise_std_(noise.std) {
  check::at_least("beta (length)", p_, 1);
  check::at_least("beta (targets)", m_, 1);
  check::finite("beta", beta);
  beta_ = dense_copy(beta);
  if (noise.covariance.data || noise.covariance.rows != 0 || noise.covariance.cols != 0) {
    take_covariance("noise_covariance", noise.covariance, m_, noise_, noise_factor_);
    for (Index t = 0; t < m_; ++t) noise_floor_ += noise_[t * m_ + t];
    noise_std_ = std::sqrt(noise_floor_ / static_cast<double>(m_));
    return;
  }
  check::nonnegative("noise_std", noise.std);
  noise_.assign(m_ * m_, 0.0);
  for (Index t = 0; t < m_; ++t) noise_[t * m_ + t] = noise.std * noise.std;
  noise_floor_ = static_cast<double>(m_) * noise.std * noise.std;
  if (!std::isfinite(noise_floor_))
    check::fail("noise_std must have a finite square, got ", noise.std);
}

/// Refuses a problem whose risks overflow.
void LinearGaussianProblem::check_risk() const {
  const double risk = null_risk();
  if (!std::isfinite(risk))
    check::fail("beta must have a finite risk of theta = 0 under the covariance and noise, got ",
                risk);
}

LinearGaussianProblem::LinearGaussianProblem(ConstMatrix beta, ConstVector variances, Noise noise)
    : LinearGaussianProblem(beta, noise) {
  check::same("covariance", p_, variances.size);
  check::finite("covariance", variances);
  check::not_negative("covariance", variances);
  variances_ = copy_of(variances);
  check_risk();
}

LinearGaussianProblem::LinearGaussianProblem(ConstMatrix beta, ConstMatrix covariance, Noise noise)
    : LinearGaussianProblem(beta, noise) {
  take_covariance("covariance", covariance, p_, covariance_, factor_);
  for (Index i = 0; i < p_; ++i) variances_.push_back(covariance(i, i));
  image_.resize(p_ * m_);
  kernels::active().gemm(false, false, p_, m_, p_, 1.0, covariance_.data(), p_, beta_.data(), p_,
                         0.0, image_.data(), p_);
  for (Index i = 0; i < p_ * m_; ++i) signal_ += beta_[i] * image_[i];
  check_risk();
}

double LinearGaussianProblem::null_risk() const {
  const std::vector<double> zero(beta_.size(), 0.0);
  double value = 0.0;
  risk(column_major(zero.data(), p_, m_), {&value, 1, 1});
  return value;
}

void LinearGaussianProblem::risk(ConstMatrix theta, Vector risk) const {
  check::view("theta", theta);
  check::view("risk", risk);
  check::same("theta", p_, theta.rows);
  check::same("theta (columns)", risk.size * m_, theta.cols);
  check::finite("theta", theta);
  Buffer buffer;
  if (p_ > 1 && theta.row_stride != 1) {
    const Block coefficients = buffer.block(p_, theta.cols);
    copy_strided(theta, 1.0, coefficients);
    theta = column_major(coefficients.data, p_, theta.cols);
  }
  std::vector<double> values(risk.size);
  GaussianRisk(*this).evaluate({nullptr, p_, theta}, values.data());
  // The numbers are finite: NaN is a difference of terms that overflow.
  for (Index b = 0; b < risk.size; ++b)
    risk(b) = std::isnan(values[b]) ? std::numeric_limits<double>::infinity() : values[b];
}

void LinearGaussianProblem::sample(Index n, std::uint64_t seed, std::uint64_t stream, Matrix x,
                                   Matrix y) const {
  check::at_least("n", n, 1);
  check::view("x", x);
  check::view("y", y);
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
  return make_sampler(*this, n, true);
}

std::unique_ptr<Sampler> LinearGaussianProblem::streaming_sampler(Index n) const {
  check::at_least("n", n, 1);
  return make_sampler(*this, n, false);
}

std::unique_ptr<Sampler> Problem::streaming_sampler(Index) const {
  check::fail("streaming_sampler needs a problem that streams(), got one whose X must be held");
}

/// Whether every other feature has no coefficient.
bool LinearGaussianProblem::keeps_signal(const Indices& features) const {
  std::vector<bool> kept(p_, false);
  for (const Index i : features) kept[i] = true;
  for (Index t = 0; t < m_; ++t)
    for (Index i = 0; i < p_; ++i)
      if (!kept[i] && beta_[t * p_ + i] != 0.0) return false;
  return true;
}

/// (k, m): what the coefficients on D take over from the others, Sigma_DD^{-1} Sigma_DR beta_R.
/// Where Sigma_DD is singular, Sigma_DD^+ Sigma_D: beta less the rows D of beta, by a
/// rank-revealing decomposition.
std::vector<double> LinearGaussianProblem::taken_over(const Indices& features) const {
  const Index k = static_cast<Index>(features.size());
  std::vector<double> result(k * m_, 0.0);
  // Where all of the signal is kept there is nothing to solve, and no rounding error to be taken
  // for noise.
  if (diagonal() || keeps_signal(features)) return result;
  const Block change{result.data(), k, m_, k};
  const ConstMatrix sigma = covariance();
  std::vector<double> block = principal_block(sigma, features);
  CovarianceRoot root;
  root.factor({block.data(), k, k, k});
  const bool singular = root.rank() < k;
  std::vector<char> others(p_, 1);
  for (const Index i : features) others[i] = singular;
  Pace pace;
  for (Index t = 0; t < m_; ++t)
    for (Index i = 0; i < k; ++i, pace(p_))
      for (Index j = 0; j < p_; ++j)
        if (others[j]) change(i, t) += sigma(j, features[i]) * beta_[t * p_ + j];
  root.solve(change);
  for (Index t = 0; t < m_ && singular; ++t)
    for (Index i = 0; i < k; ++i) change(i, t) -= beta_[t * p_ + features[i]];
  return result;
}

/// (k, m): the coefficients on D of the problem that is left when the others are taken away.
std::vector<double> LinearGaussianProblem::restricted_beta(const Indices& features,
                                                           std::vector<double> taken_over) const {
  const Index k = static_cast<Index>(features.size());
  std::vector<double> result = std::move(taken_over);
  for (Index t = 0; t < m_; ++t)
    for (Index i = 0; i < k; ++i) result[t * k + i] += beta_[t * p_ + features[i]];
  return result;
}

/// (m, m): N + r' Sigma r, r = beta on the other features less what those on D have taken over. A
/// sum of squares, so that rounding leaves it semidefinite.
std::vector<double> LinearGaussianProblem::unexplained(
    const Indices& features, const std::vector<double>& taken_over) const {
  const Index k = static_cast<Index>(features.size());
  Buffer residual_buffer, image_buffer;
  const Block residual = residual_buffer.block(p_, m_), image = image_buffer.block(p_, m_);
  for (Index t = 0; t < m_; ++t) {
    for (Index i = 0; i < p_; ++i) residual(i, t) = -beta_[t * p_ + i];
    for (Index i = 0; i < k; ++i) residual(features[i], t) = taken_over[t * k + i];
  }
  const auto& kernel = kernels::active();
  if (diagonal()) {
    for (Index t = 0; t < m_; ++t)
      for (Index i = 0; i < p_; ++i) image(i, t) = std::sqrt(variances_[i]) * residual(i, t);
  } else {
    kernel.gemm(true, false, p_, m_, p_, 1.0, factor_.data(), p_, residual.data, p_, 0.0,
                image.data, p_);
  }
  std::vector<double> noise = noise_;
  kernel.gram(m_, p_, image.data, p_, noise.data(), m_);
  for (Index t = 0; t < m_; ++t)
    for (Index u = 0; u < t; ++u) noise[t * m_ + u] = noise[u * m_ + t];
  return noise;
}

LinearGaussianProblem LinearGaussianProblem::restrict(const Indices& features) const {
  if (features.empty()) check::fail("features must not be empty");
  check::distinct("features", features, p_);
  const Index k = static_cast<Index>(features.size());
  const std::vector<double> change = taken_over(features), beta = restricted_beta(features, change);
  const ConstMatrix beta_view = column_major(beta.data(), k, m_);
  const std::vector<double> covariance_left = unexplained(features, change);
  const Noise noise = m_ == 1 ? Noise(std::sqrt(covariance_left[0]))
                              : Noise(column_major(covariance_left.data(), m_, m_));
  if (diagonal()) {
    std::vector<double> variances(k);
    for (Index i = 0; i < k; ++i) variances[i] = variances_[features[i]];
    return {beta_view, vector_view(variances), noise};
  }
  const std::vector<double> block = principal_block(covariance(), features);
  return {beta_view, column_major(block.data(), k, k), noise};
}

void LinearGaussianProblem::oracle_scores(Index k, double* scores) const {
  if (k < 1 || k > p_) check::fail("k must lie in [1, ", p_, "], got ", k);
  check::pointer("scores", scores, k);
  Indices first(k);
  std::vector<double> root_variances(k);
  for (Index i = 0; i < k; ++i) {
    first[i] = i;
    root_variances[i] = std::sqrt(variances_[i]);
  }
  const std::vector<double> beta = restricted_beta(first, taken_over(first));
  rank_scores(column_major(beta.data(), k, m_), vector_view(root_variances), {scores, k, 1});
}

DataProblem::DataProblem(const Data& data, bool classes, Index features,
                         const ScalarFunction& activation, std::uint64_t seed)
    : p_(features > 0 ? features : data.inputs.cols),
      m_(data.targets.cols),
      d_(data.inputs.cols),
      rows_(data.inputs.rows),
      test_rows_(data.test_inputs.rows),
      classes_(classes),
      random_(features > 0),
      activation_(activation),
      seed_(seed) {
  check_function("activation", activation);
  check::view("inputs", data.inputs);
  check::view("targets", data.targets);
  check::view("test_inputs", data.test_inputs);
  check::view("test_targets", data.test_targets);
  check::at_least("inputs (rows)", rows_, 1);
  check::at_least("inputs (columns)", d_, 1);
  check::at_least("targets (columns)", m_, 1);
  check::at_least("test_inputs (rows)", test_rows_, 1);
  check::at_least("features", features, 0);
  check::same("targets", rows_, data.targets.rows);
  check::same("test_inputs (columns)", d_, data.test_inputs.cols);
  check::same("test_targets", test_rows_, data.test_targets.rows);
  check::same("test_targets (columns)", m_, data.test_targets.cols);
  check_data("inputs", data.inputs);
  check_data("targets", data.targets);
  check_data("test_inputs", data.test_inputs);
  check_data("test_targets", data.test_targets);
  if (classes) {
    check_one_hot("targets", data.targets);
    check_one_hot("test_targets", data.test_targets);
  }
  labels_ = !classes && are_labels(data.targets) && are_labels(data.test_targets);
  inputs_ = dense_copy(data.inputs);
  targets_ = dense_copy(data.targets);
  test_inputs_ = dense_copy(data.test_inputs);
  test_targets_ = dense_copy(data.test_targets);
}

void DataProblem::oracle_scores(Index, double*) const {
  check::fail(
      "rule oracle needs the truth, which a data set does not tell; use magnitude, hessian or "
      "random");
}

void DataProblem::check_rows(Index n) const {
  check::at_least("n", n, 1);
  if (n > rows_)
    check::fail("n must be at most the ", rows_, " training rows of the data set, got ", n);
}

std::unique_ptr<Sampler> DataProblem::sampler(Index n) const {
  check_rows(n);
  return make_sampler(*this, n, true);
}

std::unique_ptr<Sampler> DataProblem::streaming_sampler(Index n) const {
  check_rows(n);
  return make_sampler(*this, n, false);
}

}  // namespace overprune
