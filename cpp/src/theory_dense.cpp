#include "theory_dense.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "check.hpp"
#include "covariance.hpp"
#include "kernels/table.hpp"
#include "pace.hpp"
#include "theory_law.hpp"

namespace overprune::theory {
namespace {

/// C (m, m) = A' diag(weights) B of (r, m) blocks.
void weighted_gram(ConstBlock a, const std::vector<double>& weights, ConstBlock b, Block out) {
  Pace pace;
  for (Index j = 0; j < b.cols; ++j)
    for (Index i = 0; i < a.cols; ++i, pace(a.rows)) {
      double sum = 0.0;
      for (Index l = 0; l < a.rows; ++l) sum += a(l, i) * weights[l] * b(l, j);
      out(i, j) = sum;
    }
}

}  // namespace

LinearGaussianProblem first_features(const LinearGaussianProblem& problem, Index k) {
  Indices first(k);
  std::iota(first.begin(), first.end(), Index{0});
  return problem.restrict(first);
}

void multiply(bool transpose, ConstBlock a, ConstBlock b, double beta, Block c) {
  kernels::active().gemm(transpose, false, c.rows, c.cols, b.rows, 1.0, a.data, a.ld, b.data, b.ld, beta,
                         c.data, c.ld);
}

Eigenbasis::Eigenbasis(const LinearGaussianProblem& problem) : problem_(problem) {
  const Index k = features(), m = targets();
  const ConstMatrix beta = problem.beta();
  for (Index i = 0; i < k; ++i) root_variances_.push_back(std::sqrt(problem.variances()(i)));
  decompose();
  const Index r = rank();
  signal_ = signal_buffer_.block(r, m);
  cross_ = cross_buffer_.block(k, m);
  energy_ = energy_buffer_.block(m, m);
  noise_ = noise_buffer_.block(m, m);
  if (diagonal()) {
    for (Index t = 0; t < m; ++t)
      for (Index j = 0; j < r; ++j) signal_(j, t) = beta(where_[j], t);
  } else {
    kernels::active().gemm(true, false, r, m, k, 1.0, vectors_.data, vectors_.ld, beta.data, beta.col_stride,
                           0.0, signal_.data, signal_.ld);
  }
  std::vector<double> roots(r);
  for (Index j = 0; j < r; ++j) roots[j] = std::sqrt(values_[j]);
  for (Index t = 0; t < m; ++t)
    for (Index j = 0; j < r; ++j) signal_(j, t) *= roots[j];
  Buffer scratch;
  const Block copied = scratch.block(r, m);
  copy(signal_, copied);
  combine(roots, copied, cross_);
  weighted_gram(signal_, std::vector<double>(r, 1.0), signal_, energy_);
  const ConstMatrix noise = problem.noise_covariance();
  copy_strided(noise, 1.0, noise_);
}

void Eigenbasis::decompose() {
  const Index k = features();
  if (diagonal()) {
    Pace pace;
    for (Index i = 0; i < k; ++i, pace(1)) {
      if (problem_.variances()(i) == 0.0) continue;
      where_.push_back(i);
      values_.push_back(problem_.variances()(i));
    }
    return;
  }
  const Block all = vectors_buffer_.block(k, k);
  copy_strided(problem_.covariance(), 1.0, all);
  std::vector<double> values(k);
  if (!kernels::active().symmetric_eigen(k, all.data, all.ld, values.data()))
    check::fail("covariance has no eigendecomposition that converges");
  const double rounding = covariance_rounding(k) * std::max(values.back(), 0.0);
  Index first = 0;  // ascending: the ones that are zero come first
  while (first < k && !(values[first] > rounding)) ++first;
  values_.assign(values.begin() + first, values.end());
  vectors_ = all.columns(first, k - first);
}

void Eigenbasis::combine(const std::vector<double>& weights, Block g, Block out) const {
  for (Index c = 0; c < g.cols; ++c)
    for (Index j = 0; j < g.rows; ++j) g(j, c) *= weights[j];
  if (diagonal()) {
    fill(out, 0.0);
    for (Index c = 0; c < g.cols; ++c)
      for (Index j = 0; j < g.rows; ++j) out(where_[j], c) = g(j, c);
    return;
  }
  kernels::active().gemm(false, false, out.rows, out.cols, g.rows, 1.0, vectors_.data, vectors_.ld, g.data,
                         g.ld, 0.0, out.data, out.ld);
}

void Eigenbasis::principal_block(const Indices& support, Block out) const {
  const ConstMatrix sigma = problem_.covariance();
  if (diagonal()) fill(out, 0.0);
  Pace pace;
  for (std::size_t j = 0; j < support.size(); ++j, pace(static_cast<Index>(support.size()))) {
    if (diagonal()) {
      out(j, j) = problem_.variances()(support[j]);
    } else {
      for (std::size_t i = 0; i < support.size(); ++i) out(i, j) = sigma(support[i], support[j]);
    }
  }
}

std::vector<double> Eigenbasis::weighted_diagonal(const std::vector<double>& weights) const {
  std::vector<double> result(features(), 0.0);
  Pace pace;
  for (Index j = 0; j < rank(); ++j) {
    pace(diagonal() ? 1 : features());
    if (diagonal()) {
      result[where_[j]] = weights[j];
    } else {
      for (Index i = 0; i < features(); ++i) result[i] += vectors_(i, j) * vectors_(i, j) * weights[j];
    }
  }
  return result;
}

void Eigenbasis::weighted_block(const Indices& support, const std::vector<double>& weights, Block out) const {
  const Index s = static_cast<Index>(support.size()), r = rank();
  Buffer left_buffer, right_buffer;
  const Block left = left_buffer.block(s, r), right = right_buffer.block(s, r);
  Pace pace;
  for (Index j = 0; j < r; ++j, pace(4 * s))
    for (Index i = 0; i < s; ++i) {
      left(i, j) = diagonal() ? (where_[j] == support[i] ? 1.0 : 0.0) : vectors_(support[i], j);
      right(i, j) = left(i, j) * weights[j];
    }
  kernels::active().gemm(false, true, s, s, r, 1.0, left.data, left.ld, right.data, right.ld, 0.0, out.data,
                         out.ld);
}

MatrixLaw::MatrixLaw(const Eigenbasis& basis, double n, double ridge) {
  const Index r = basis.rank(), m = basis.targets();
  const std::vector<double>& values = basis.values();
  const double total = static_cast<double>(r);
  const std::vector<double> ones(r, 1.0);
  tau = solve_tau(values, ones, total, n, ridge);
  double share = spare_fraction(total - n, n, ridge, tau);
  std::vector<double> d(r), d2(r), a(r);
  Pace pace;
  for (Index j = 0; j < r; ++j) {
    pace(8);
    const double sum = values[j] + tau;
    a[j] = values[j] / sum;
    d[j] = tau / sum;
    d2[j] = d[j] * d[j];
    share += a[j] * d[j] / n;
    root_values.push_back(std::sqrt(values[j]));
    shrink.push_back(root_values[j] / sum);
  }
  omega = omega_buffer.block(m, m);
  root = root_buffer.block(m, m);
  shift = shift_buffer.block(m, m);
  mean = mean_buffer.block(basis.features(), m);
  weighted_gram(basis.signal(), d2, basis.signal(), omega);
  weighted_gram(basis.signal(), d, basis.signal(), shift);
  double error = 0.0;
  for (Index j = 0; j < m; ++j) {
    for (Index i = 0; i < m; ++i) omega(i, j) += basis.noise()(i, j);
    error += omega(j, j);
  }
  risk = inflate(error, share);
  if (!std::isfinite(error) || std::isnan(risk))
    check::out_of_range("risk", static_cast<double>(basis.features()));
  finite = std::isfinite(risk);
  if (finite && risk > 0.0)
    for (Index j = 0; j < m; ++j)
      for (Index i = 0; i < m; ++i) omega(i, j) /= share;
  copy(omega, root);
  factorize_covariance(root);
  Buffer scratch;
  const Block u = scratch.block(r, m);
  copy(basis.signal(), u);
  basis.combine(shrink, u, mean);
}

}  // namespace overprune::theory
