// Random features of Gaussian inputs, by way of the linear Gaussian problem with the same second
// moments.
#include <algorithm>
#include <cmath>

#include "base/block.hpp"
#include "base/check.hpp"
#include "kernels/table.hpp"
#include "overprune/features.hpp"
#include "overprune/problem.hpp"
#include "problem/covariance.hpp"
#include "problem/features.hpp"
#include "problem/samplers.hpp"

namespace overprune {
namespace {

/// Moments by quadrature err by parts in 1e13 of the larger features, which may make a matrix
/// indefinite that is singular or has features close to zero: without the negative eigenvalues of
/// its correlations.
void make_semidefinite(Block sigma) {
  const auto& kernel = kernels::active();
  const Index p = sigma.rows;
  Buffer work_buffer, scaled_buffer;
  const Block work = work_buffer.block(p, p), scaled = scaled_buffer.block(p, p);
  copy(sigma, work);
  if (kernel.cholesky(p, work.data, work.ld)) return;
  std::vector<double> scales(p), values(p);
  for (Index j = 0; j < p; ++j) scales[j] = sigma(j, j) > 0.0 ? std::sqrt(sigma(j, j)) : 1.0;
  for (Index j = 0; j < p; ++j)
    for (Index i = 0; i < p; ++i) work(i, j) = sigma(i, j) / scales[i] / scales[j];
  if (!kernel.symmetric_eigen(p, work.data, work.ld, values.data())) return;
  for (Index j = 0; j < p; ++j)
    for (Index i = 0; i < p; ++i) {
      work(i, j) *= scales[i];
      scaled(i, j) = std::max(values[j], 0.0) * work(i, j);
    }
  kernel.gemm(false, true, p, p, p, 1.0, scaled.data, scaled.ld, work.data, work.ld, 0.0,
              sigma.data, sigma.ld);
  for (Index j = 0; j < p; ++j)
    for (Index i = 0; i < j; ++i) sigma(i, j) = sigma(j, i);
}

}  // namespace

RandomFeatureProblem::RandomFeatureProblem(ConstMatrix weights, ConstVector teacher,
                                           double noise_std, const ScalarFunction& activation,
                                           ConstVector bias, const ScalarFunction& link,
                                           const std::function<void()>& poll)
    : p_(weights.rows),
      d_(weights.cols),
      noise_std_(noise_std),
      activation_(activation),
      link_(link) {
  const Interruptible interruptible(poll);
  check_function("activation", activation);
  check_function("link", link);
  check::finite("weights", weights);
  check::finite("teacher", teacher);
  check::finite("bias", bias);
  check::at_least("weights (rows)", p_, 1);
  check::at_least("weights (columns)", d_, 1);
  check::same("teacher", d_, teacher.size);
  if (bias.size != 0) check::same("bias", p_, bias.size);
  check::nonnegative("noise_std", noise_std);
  weights_.resize(p_ * d_);
  teacher_ = copy_of(teacher);
  bias_ = copy_of(bias);
  copy_strided(weights, 1.0, {weights_.data(), p_, d_, p_});
  Buffer moments;
  const Block sigma = moments.block(p_, p_);
  std::vector<double> cross(p_), beta(p_);
  const double signal =
      feature_moments(weights, activation, bias, teacher, column_major(sigma.data, p_, p_),
                      vector_view(cross), link, poll);
  if (!has_closed_moments(activation)) make_semidefinite(sigma);
  solve_covariance(sigma, {cross.data(), p_, 1, p_}, {beta.data(), p_, 1, p_});
  null_risk_ = signal + noise_std * noise_std;
  // What the features do not explain; rounding may take it below zero where they explain
  // everything.
  double unexplained = signal;
  for (Index i = 0; i < p_; ++i) unexplained -= cross[i] * beta[i];
  equivalent_ = std::make_shared<const LinearGaussianProblem>(
      column_major(beta.data(), p_, 1), column_major(sigma.data, p_, p_),
      std::sqrt(std::max(unexplained, 0.0) + noise_std * noise_std));
}

std::unique_ptr<Sampler> RandomFeatureProblem::sampler(Index n) const {
  check::at_least("n", n, 1);
  return make_sampler(*this, n, true);
}

std::unique_ptr<Sampler> RandomFeatureProblem::streaming_sampler(Index n) const {
  check::at_least("n", n, 1);
  return make_sampler(*this, n, false);
}

}  // namespace overprune
