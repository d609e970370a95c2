#include "problem/covariance_root.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "base/check.hpp"
#include "base/pace.hpp"
#include "kernels/table.hpp"

namespace overprune {
namespace {

// Ratio of variances up to which an eigenvector's error, epsilon times that, is of no account.
constexpr double kSameScale = 1e4;

}  // namespace

void CovarianceRoot::factor(Block sigma, bool graded) {
  const Index p = sigma.rows;
  const Block original = spare_.block(p, p);
  copy(sigma, original);
  order_.clear();
  const bool definite = definite_cholesky(sigma);
  triangular_ = definite && !graded;
  factor_ = sigma;
  rank_ = p;
  if (triangular_) return;
  const double size = static_cast<double>(std::max<Index>(p, 8));
  pivot(original, definite ? 0.0 : covariance_rounding(p) * size);
  dependents();
}

/// Pivoted Cholesky: the feature with the largest remaining variance goes next. It ends where every
/// feature's remaining variance is at most `rounding` times its own variance.
void CovarianceRoot::pivot(ConstBlock sigma, double rounding) {
  const Index p = sigma.rows;
  factor_ = pivoted_.block(p, p);
  order_.resize(p);
  std::iota(order_.begin(), order_.end(), Index{0});
  std::vector<double> left(p);  // by features; 0: nothing but rounding
  for (Index i = 0; i < p; ++i) left[i] = std::max(sigma(i, i), 0.0);
  for (rank_ = 0; rank_ < p; ++rank_) {
    const Index t = rank_;
    Index next = t;
    for (Index i = t + 1; i < p; ++i)
      if (left[order_[i]] > left[order_[next]]) next = i;
    if (left[order_[next]] == 0.0) return;
    std::swap(order_[t], order_[next]);
    for (Index l = 0; l < t; ++l) std::swap(factor_(t, l), factor_(next, l));
    double* column = factor_.col(t);
    for (Index i = t; i < p; ++i)
      column[i] = sigma(std::max(order_[i], order_[t]), std::min(order_[i], order_[t]));
    if (t > 0)
      kernels::active().gemm(false, true, p - t, 1, t, -1.0, factor_.data + t, factor_.ld,
                             factor_.data + t, factor_.ld, 1.0, column + t, factor_.ld);
    const double root = std::sqrt(left[order_[t]]);
    std::fill_n(column, t, 0.0);
    column[t] = root;
    for (Index i = t + 1; i < p; ++i) {
      double& rest = left[order_[i]];
      column[i] = rest == 0.0 ? 0.0 : column[i] / root;
      rest -= column[i] * column[i];
      if (!(rest > rounding * sigma(order_[i], order_[i]))) rest = 0.0;
    }
  }
}

/// K and the factor of I + K'K.
void CovarianceRoot::dependents() {
  const auto& kernel = kernels::active();
  const Index p = factor_.rows, r = rank_, rest = p - r;
  depend_ = depend_buffer_.block(rest, r);
  if (rest == 0 || r == 0) return;
  // K' = L^{-T} (the rows below)'.
  Buffer buffer;
  const Block turned = buffer.block(r, rest);
  transpose(ConstBlock{factor_.data + r, rest, r, factor_.ld}, turned);
  kernel.solve_triangular(true, true, r, rest, factor_.data, factor_.ld, turned.data, turned.ld);
  transpose(turned, depend_);
  metric_ = metric_buffer_.block(r, r);
  fill(metric_, 0.0);
  for (Index i = 0; i < r; ++i) metric_(i, i) = 1.0;
  kernel.gram(r, rest, depend_.data, depend_.ld, metric_.data, metric_.ld);
  if (!kernel.cholesky(r, metric_.data, metric_.ld))
    check::fail("covariance must have entries of less different size: a factor of it overflows");
}

/// out (p, c) = [I; K] (I + K'K)^{-1} rows, in the order of the features; rows (r, c) is
/// overwritten.
void CovarianceRoot::finish(Block rows, Block out) {
  const auto& kernel = kernels::active();
  const Index r = rank_, rest = factor_.rows - r;
  if (rest > 0 && r > 0) {
    kernel.solve_triangular(true, false, r, rows.cols, metric_.data, metric_.ld, rows.data,
                            rows.ld);
    kernel.solve_triangular(true, true, r, rows.cols, metric_.data, metric_.ld, rows.data, rows.ld);
  }
  const Block below = dependent_rows_.block(rest, rows.cols);
  if (rest > 0)
    kernel.gemm(false, false, rest, rows.cols, r, 1.0, depend_.data, depend_.ld, rows.data, rows.ld,
                0.0, below.data, below.ld);
  for (Index c = 0; c < rows.cols; ++c) {
    for (Index i = 0; i < r; ++i) out(order_[i], c) = rows(i, c);
    for (Index i = 0; i < rest; ++i) out(order_[r + i], c) = below(i, c);
  }
}

Block CovarianceRoot::coordinates(ConstBlock b) {
  const Block rows = rows_.block(rank_, b.cols);
  for (Index c = 0; c < b.cols; ++c)
    for (Index i = 0; i < rank_; ++i) rows(i, c) = b(triangular_ ? i : order_[i], c);
  if (rank_ > 0)
    kernels::active().solve_triangular(true, false, rank_, b.cols, factor_.data, factor_.ld,
                                       rows.data, rows.ld);
  return rows;
}

void CovarianceRoot::solve(Block b) {
  const auto& kernel = kernels::active();
  if (triangular_) {
    kernel.solve_triangular(true, false, rank_, b.cols, factor_.data, factor_.ld, b.data, b.ld);
    kernel.solve_triangular(true, true, rank_, b.cols, factor_.data, factor_.ld, b.data, b.ld);
    return;
  }
  const Block rows = coordinates(b);
  if (rank_ > 0)
    kernel.solve_triangular(true, true, rank_, b.cols, factor_.data, factor_.ld, rows.data,
                            rows.ld);
  finish(rows, b);
}

void CovarianceRoot::root(Block f) const {
  Pace pace;
  for (Index j = 0; j < rank_; ++j, pace(f.rows))
    for (Index i = 0; i < f.rows; ++i)
      f(triangular_ ? i : order_[i], j) = i < j ? 0.0 : factor_(i, j);
}

void CovarianceRoot::dual(Block d) {
  const Block rows = triangular_ ? d : rows_.block(rank_, rank_);
  fill(rows, 0.0);
  for (Index i = 0; i < rank_; ++i) rows(i, i) = 1.0;
  if (rank_ > 0)
    kernels::active().solve_triangular(true, true, rank_, rank_, factor_.data, factor_.ld,
                                       rows.data, rows.ld);
  if (!triangular_) finish(rows, d);
}

// One-sided Jacobi: every rotation makes two columns orthogonal.
void orthogonalize_columns(Block f) {
  const Index p = f.rows, r = f.cols;
  const double tolerance = covariance_rounding(p);
  std::vector<double> square(r);
  Pace pace;
  bool rotated = true;
  for (int sweep = 0; rotated && sweep < 60; ++sweep) {
    rotated = false;
    for (Index j = 0; j < r; ++j) square[j] = inner(p, f.col(j), f.col(j));
    for (Index j = 1; j < r; ++j)
      for (Index i = 0; i < j; ++i, pace(2 * p)) {
        double *a = f.col(i), *b = f.col(j);
        const double product = inner(p, a, b);
        if (!(std::abs(product) > tolerance * std::sqrt(square[i]) * std::sqrt(square[j])))
          continue;
        rotated = true;
        // The tangent of the smaller angle.
        const double zeta = 0.5 * (square[j] - square[i]) / product,
                     t = std::copysign(1.0, zeta) / (std::abs(zeta) + std::hypot(1.0, zeta)),
                     c = 1.0 / std::hypot(1.0, t), s = c * t;
        for (Index l = 0; l < p; ++l) {
          const double x = a[l], y = b[l];
          a[l] = c * x - s * y;
          b[l] = s * x + c * y;
        }
        square[i] = inner(p, a, a);
        square[j] = inner(p, b, b);
      }
  }
}

bool differ_in_scale(ConstVector variances) {
  double least = std::numeric_limits<double>::infinity(), largest = 0.0;
  for (Index i = 0; i < variances.size; ++i) {
    if (!(variances(i) > 0.0)) continue;
    least = std::min(least, variances(i));
    largest = std::max(largest, variances(i));
  }
  return largest / kSameScale > least;
}

std::vector<double> positive_eigenvalues(Block sigma) {
  if (sigma.rows == 0) return {};
  std::vector<double> values(sigma.rows);
  if (!differ_in_scale(diagonal_of(sigma))) {
    std::vector<double> diagonal(sigma.rows), off(sigma.rows);
    if (!kernels::active().tridiagonalize(sigma.rows, sigma.data, sigma.ld, diagonal.data(),
                                          off.data(), values.data(), 0, nullptr, 1))
      check::fail("covariance has no eigendecomposition that converges");
    const double zero = covariance_rounding(sigma.rows) * std::max(values.back(), 0.0);
    std::erase_if(values, [zero](double value) { return !(value > zero); });
    return values;
  }
  CovarianceRoot decomposition;
  Buffer buffer;
  decomposition.factor(sigma, true);
  const Block f = buffer.block(sigma.rows, decomposition.rank());
  decomposition.root(f);
  orthogonalize_columns(f);
  values.resize(f.cols);
  for (Index j = 0; j < f.cols; ++j) values[j] = norm2(f.columns(j, 1));
  std::sort(values.begin(), values.end());
  return values;
}

}  // namespace overprune
