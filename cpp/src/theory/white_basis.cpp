#include "theory/white_basis.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/check.hpp"
#include "base/pace.hpp"
#include "kernels/table.hpp"
#include "problem/covariance.hpp"
#include "problem/covariance_root.hpp"
#include "theory/dense_law.hpp"

namespace overprune::theory {

void weighted_gram(ConstBlock a, const std::vector<double>& weights, ConstBlock b, Block out) {
  Pace pace;
  for (Index j = 0; j < b.cols; ++j)
    for (Index i = 0; i < a.cols; ++i, pace(a.rows)) {
      double sum = 0.0;
      for (Index l = 0; l < a.rows; ++l) sum += a(l, i) * weights[l] * b(l, j);
      out(i, j) = sum;
    }
}

LinearGaussianProblem first_features(const LinearGaussianProblem& problem, Index k) {
  Indices first(k);
  std::iota(first.begin(), first.end(), Index{0});
  return problem.restrict(first);
}

void multiply(bool transpose, ConstBlock a, ConstBlock b, double beta, Block c) {
  kernels::active().gemm(transpose, false, c.rows, c.cols, b.rows, 1.0, a.data, a.ld, b.data, b.ld,
                         beta, c.data, c.ld);
}

void FeatureMatrix::apply(ConstBlock g, Block out) const {
  if (!rows_) return multiply(false, dense_, g, 0.0, out);
  fill(out, 0.0);
  for (Index c = 0; c < g.cols; ++c)
    for (Index j = 0; j < g.rows; ++j) out((*rows_)[j], c) = entries_[j] * g(j, c);
}

void FeatureMatrix::apply_transposed(ConstBlock x, Block out) const {
  if (!rows_) return multiply(true, dense_, x, 0.0, out);
  for (Index c = 0; c < x.cols; ++c)
    for (Index j = 0; j < out.rows; ++j) out(j, c) = entries_[j] * x((*rows_)[j], c);
}

std::vector<double> FeatureMatrix::square_rows() const {
  std::vector<double> result(features_, 0.0);
  Pace pace;
  for (Index j = 0; j < rank(); ++j) {
    pace(rows_ ? 1 : features_);
    if (rows_) {
      result[(*rows_)[j]] = entries_[j] * entries_[j];
    } else {
      for (Index i = 0; i < features_; ++i) result[i] += dense_(i, j) * dense_(i, j);
    }
  }
  return result;
}

void FeatureMatrix::gram(const Indices& support, const std::vector<double>& weights,
                         Block out) const {
  const Index s = static_cast<Index>(support.size()), r = rank();
  Buffer left_buffer, right_buffer;
  const Block left = left_buffer.block(s, r), right = right_buffer.block(s, r);
  Pace pace;
  for (Index j = 0; j < r; ++j, pace(4 * s))
    for (Index i = 0; i < s; ++i) {
      left(i, j) = rows_ ? ((*rows_)[j] == support[i] ? entries_[j] : 0.0) : dense_(support[i], j);
      right(i, j) = left(i, j) * weights[j];
    }
  kernels::active().gemm(false, true, s, s, r, 1.0, left.data, left.ld, right.data, right.ld, 0.0,
                         out.data, out.ld);
}

WhiteBasis::WhiteBasis(const LinearGaussianProblem& problem, bool shrinks)
    : problem_(problem), shrinks_(shrinks) {
  const Index m = targets();
  const ConstMatrix beta = problem.beta();
  for (Index i = 0; i < features(); ++i)
    root_variances_.push_back(std::sqrt(problem.variances()(i)));
  if (diagonal())
    decompose();
  else
    decompose_dense();
  signal_ = signal_buffer_.block(rank(), m);
  cross_ = cross_buffer_.block(features(), m);
  energy_ = energy_buffer_.block(m, m);
  noise_ = noise_buffer_.block(m, m);
  root_.apply_transposed({beta.data, features(), m, beta.col_stride}, signal_);
  root_.apply(signal_, cross_);
  weighted_gram(signal_, std::vector<double>(rank(), 1.0), signal_, energy_);
  copy_strided(problem.noise_covariance(), 1.0, noise_);
}

void WhiteBasis::decompose() {
  std::vector<double> roots;
  Pace pace;
  for (Index i = 0; i < features(); ++i, pace(1)) {
    if (problem_.variances()(i) == 0.0) continue;
    where_.push_back(i);
    values_.push_back(problem_.variances()(i));
    roots.push_back(root_variances_[i]);
  }
  root_ = FeatureMatrix(features(), &where_, std::move(roots));
}

void WhiteBasis::decompose_dense() {
  const Index k = features();
  dense_ = dense_buffer_.block(k, k);
  copy_strided(problem_.covariance(), 1.0, dense_);
  if (shrinks_ && !differ_in_scale(problem_.variances())) {
    std::vector<double> values(k);
    if (!kernels::active().symmetric_eigen(k, dense_.data, dense_.ld, values.data()))
      check::fail("covariance has no eigendecomposition that converges");
    const double rounding = covariance_rounding(k) * std::max(values.back(), 0.0);
    Index first = 0;  // ascending: the ones that are zero come first
    while (first < k && !(values[first] > rounding)) ++first;
    values_.assign(values.begin() + first, values.end());
    dense_ = dense_.columns(first, k - first);
    for (Index j = 0; j < rank(); ++j) {
      const double length = std::sqrt(values_[j]);
      double* column = dense_.col(j);
      for (Index i = 0; i < k; ++i) column[i] *= length;
    }
    root_ = FeatureMatrix(dense_);
    return;
  }
  // The eigenvectors of features on very different scales lose the small ones: Jacobi's do not.
  CovarianceRoot cholesky, graded;
  Buffer buffer, graded_buffer;
  const Block sigma = buffer.block(k, k), again = graded_buffer.block(k, k);
  copy(dense_, sigma);
  cholesky.factor(sigma);
  if (shrinks_) {
    copy(dense_, again);
    graded.factor(again, true);
  }
  const Index r = shrinks_ ? graded.rank() : cholesky.rank();
  dense_ = dense_buffer_.block(k, r);
  dual_ = dual_buffer_.block(k, r);
  values_.assign(r, 1.0);
  root_ = FeatureMatrix(dense_);
  if (!shrinks_) {
    cholesky.root(dense_);
    cholesky.dual(dual_);
    return;
  }
  graded.root(dense_);
  orthogonalize_columns(dense_);
  for (Index j = 0; j < r; ++j) values_[j] = norm2(dense_.columns(j, 1));
  CovarianceRoot& from = cholesky.rank() == r ? cholesky : graded;
  rotation_ = rotation_buffer_.block(r, r);
  copy(from.coordinates(dense_), rotation_);
  const Block before = (&from == &cholesky ? graded_buffer : buffer).block(k, r);
  from.dual(before);
  multiply(false, before, rotation_, 0.0, dual_);
}

Block WhiteBasis::coordinates(Block h, Buffer& buffer) const {
  if (!rotation_.data) return h;
  const Block rotated = buffer.block(h.rows, h.cols);
  multiply(true, rotation_, h, 0.0, rotated);
  return rotated;
}

bool may_shrink(const LinearGaussianProblem& problem, double n, double ridge) {
  return ridge > 0.0 || static_cast<double>(problem.features()) > n ||
         !differ_in_scale(problem.variances());
}

FeatureMatrix WhiteBasis::solver(double tau, Buffer& buffer) const {
  const Index k = features(), r = rank();
  if (diagonal()) {
    std::vector<double> entries(r);
    for (Index j = 0; j < r; ++j) entries[j] = root_variances_[where_[j]] / (values_[j] + tau);
    return {k, &where_, std::move(entries)};
  }
  if (!shrinks_) return FeatureMatrix(dual_);
  const Block out = buffer.block(k, r);
  Pace pace;
  for (Index j = 0; j < r; ++j, pace(2 * k)) {
    const double a = values_[j] / (values_[j] + tau), inverse = 1.0 / (values_[j] + tau);
    const double* column = dense_.col(j);
    double* result = out.col(j);
    for (Index i = 0; i < k; ++i) result[i] = column[i] * inverse;
    // For features that are large beside tau the quotient divides rounding errors by small
    // eigenvalues.
    for (Index i = 0; dual_.data && i < k; ++i)
      if (problem_.variances()(i) > tau) result[i] = dual_(i, j) * a;
  }
  return FeatureMatrix(out);
}

void WhiteBasis::principal_block(const Indices& support, Block out) const {
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

MatrixLaw::MatrixLaw(const WhiteBasis& basis, double n, double ridge) {
  const Index r = basis.rank(), m = basis.targets();
  const std::vector<double>& values = basis.values();
  const double total = static_cast<double>(r);
  const std::vector<double> ones(r, 1.0);
  tau = solve_tau(values, ones, total, n, ridge);
  if (tau > 0.0 && !basis.shrinks())
    throw std::logic_error("a law with an effective ridge needs eigenvalues");
  share = spare_fraction(total - n, n, ridge, tau);
  std::vector<double> d2(r);
  Pace pace;
  for (Index j = 0; j < r; ++j) {
    pace(8);
    const double sum = values[j] + tau;
    a.push_back(values[j] / sum);
    d.push_back(tau / sum);
    d2[j] = d[j] * d[j];
    share += a[j] * d[j] / n;
  }
  error = error_buffer.block(m, m);
  omega = omega_buffer.block(m, m);
  root = root_buffer.block(m, m);
  shift = shift_buffer.block(m, m);
  mean = mean_buffer.block(basis.features(), m);
  weighted_gram(basis.signal(), d2, basis.signal(), error);
  weighted_gram(basis.signal(), d, basis.signal(), shift);
  double sum = 0.0;
  for (Index j = 0; j < m; ++j) {
    for (Index i = 0; i < m; ++i) error(i, j) += basis.noise()(i, j);
    sum += error(j, j);
  }
  risk = inflate(sum, share);
  if (!std::isfinite(sum) || std::isnan(risk))
    check::out_of_range("risk", static_cast<double>(basis.features()));
  finite = std::isfinite(risk);
  copy(error, omega);
  if (finite && risk > 0.0)
    for (Index j = 0; j < m; ++j)
      for (Index i = 0; i < m; ++i) omega(i, j) /= share;
  copy(omega, root);
  factorize_covariance(root);
  solver = basis.solver(tau, solver_buffer);
  solver.apply(basis.signal(), mean);
}

}  // namespace overprune::theory
