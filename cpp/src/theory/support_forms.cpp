#include "theory/support_forms.hpp"

#include <algorithm>
#include <cmath>

#include "base/check.hpp"
#include "kernels/table.hpp"
#include "problem/covariance.hpp"

namespace overprune::theory {

void SupportForms::start(const Indices& order, const Indices& nonzeros) {
  order_.assign(order.begin(), order.begin() + nonzeros.back());
  if (basis_.diagonal()) return;
  sigma_ = sigma_buffer_.block(nonzeros.back(), nonzeros.back());
  basis_.principal_block(order_, sigma_);
}

double SupportForms::excess_risk(Index s, ConstBlock x, const Remainder& remainder) {
  double risk = 0.0;
  for (Index t = 0; t < x.cols; ++t) {
    risk += remainder.energy()(t, t);
    for (Index i = 0; i < s; ++i) risk -= 2.0 * x(i, t) * remainder.cross()(order_[i], t);
  }
  if (basis_.diagonal()) {
    for (Index t = 0; t < x.cols; ++t)
      for (Index i = 0; i < s; ++i) {
        const double scaled = x(i, t) * basis_.root_variances()[order_[i]];
        risk += scaled * scaled;
      }
  } else {
    const Block image = image_.block(s, x.cols);
    multiply(corner(s), x, image);
    for (Index t = 0; t < x.cols; ++t)
      for (Index i = 0; i < s; ++i) risk += x(i, t) * image(i, t);
  }
  return std::max(risk, 0.0);
}

bool SupportForms::factorize(Index s, ConstBlock y) {
  const Block triangle = factor_.block(s, s);
  copy(corner(s), triangle);
  if (!definite_cholesky(triangle)) return false;
  solved_ = solved_buffer_.block(s, y.cols);
  copy(y.top(s), solved_);
  kernels::active().solve_triangular(true, false, s, y.cols, triangle.data, triangle.ld,
                                     solved_.data, solved_.ld);
  return true;
}

/// G = Y'Sigma_SS^+ Y; returns the rank.
Index SupportForms::project_singular(ConstBlock y, Block form) {
  const Index s = y.rows;
  if (!basis_.diagonal()) {
    const Block sigma = factor_.block(s, s);
    copy(corner(s), sigma);
    root_.factor(sigma);
    const Block rows = root_.coordinates(y);
    multiply(transposed(rows), rows, form);
    return root_.rank();
  }
  const Block rows = rotated_.block(s, y.cols);
  copy(y, rows);
  Index rank = 0;
  for (Index i = 0; i < s; ++i) {
    const double root = basis_.root_variances()[order_[i]];
    rank += root > 0.0;
    for (Index c = 0; c < y.cols; ++c) rows(i, c) = root > 0.0 ? rows(i, c) / root : 0.0;
  }
  multiply(transposed(rows), rows, form);
  return rank;
}

void SupportForms::reduce(Index s, ConstBlock y, const Remainder& remainder) {
  values_.resize(s);
  diagonal_.resize(s);
  off_.assign(s, 0.0);
  columns_ = y.cols;
  reduced_ = rotated_.block(s, y.cols + (remainder.whole() ? 0 : basis_.targets()));
  copy(y.top(s), reduced_.columns(0, columns_));
  for (Index j = columns_; j < reduced_.cols; ++j)
    for (Index i = 0; i < s; ++i) reduced_(i, j) = remainder.beta()(order_[i], j - columns_);
  const ConstBlock sigma = corner(s);
  tridiagonal_ = basis_.diagonal() || !differ_in_scale(diagonal_of(sigma));
  if (basis_.diagonal()) {
    for (Index i = 0; i < s; ++i)
      diagonal_[i] = values_[i] = basis_.problem().variances()(order_[i]);
  } else if (tridiagonal_) {
    const Block matrix = factor_.block(s, s);
    copy(sigma, matrix);
    if (!kernels::active().tridiagonalize(s, matrix.data, matrix.ld, diagonal_.data(), off_.data(),
                                          values_.data(), reduced_.cols, reduced_.data,
                                          reduced_.ld))
      check::fail("covariance has no eigendecomposition that converges");
  }
}

Traces SupportForms::regularised(double tau2, Block G, Block K) {
  const ConstBlock y = reduced_.columns(0, columns_),
                   left_out = reduced_.columns(columns_, reduced_.cols - columns_);
  const Index s = y.rows, c = y.cols;
  const Block x = regularised_.block(s, c);
  copy(y, x);
  for (Index j = 0; j < left_out.cols; ++j)
    for (Index i = 0; i < s; ++i) x(i, j) -= tau2 * left_out(i, j);
  Traces traces;
  if (tridiagonal_) {
    solve_tridiagonal(tau2, x);
    const double zero =
        basis_.diagonal() || values_.empty()
            ? 0.0
            : covariance_rounding(basis_.features()) * std::max(values_.back(), 0.0);
    for (const double mu : values_) {
      if (!(mu > zero)) continue;
      const double g = mu / (mu + tau2);
      traces.first += g;
      traces.second += g * g;
    }
  } else {
    traces = solve_cholesky(tau2, x);
  }
  multiply(transposed(y), x, G);
  multiply(transposed(x), x, K, -tau2);
  for (Index j = 0; j < c; ++j)
    for (Index i = 0; i < c; ++i)
      K(i, j) += G(i, j);  // Q^2 = Q - tau2 F_S'(Sigma_SS + tau2)^{-2} F_S
  if (left_out.cols > 0) multiply(transposed(left_out), x, K.top(left_out.cols), -tau2, 1.0);
  return traces;
}

/// (T + tau2) x = y by the LDL' factors of T + tau2, which is definite.
void SupportForms::solve_tridiagonal(double tau2, Block x) const {
  const Index s = x.rows;
  std::vector<double> pivot(s), ratio(s, 0.0);
  for (Index i = 0; i < s; ++i) {
    pivot[i] = diagonal_[i] + tau2;
    if (i == 0) continue;
    ratio[i] = off_[i - 1] / pivot[i - 1];
    pivot[i] -= ratio[i] * off_[i - 1];
  }
  for (Index j = 0; j < x.cols; ++j) {
    for (Index i = 1; i < s; ++i) x(i, j) -= ratio[i] * x(i - 1, j);
    for (Index i = s; i-- > 0;)
      x(i, j) = x(i, j) / pivot[i] - (i + 1 < s ? ratio[i + 1] * x(i + 1, j) : 0.0);
  }
}

/// (Sigma_SS + tau2) x = y by Cholesky. With its inverse N, Q has the trace of 1 - tau2 N and Q^2
/// that of its square.
Traces SupportForms::solve_cholesky(double tau2, Block x) {
  const Index s = x.rows;
  const Block matrix = factor_.block(s, s);
  copy(corner(s), matrix);
  for (Index i = 0; i < s; ++i) matrix(i, i) += tau2;
  root_.factor(matrix);
  root_.solve(x);
  const Block dual = inverse_.block(s, root_.rank());
  root_.dual(dual);
  const Block product = factor_.block(s, s);  // the factor is not needed any more
  multiply(dual, transposed(dual), product, tau2);
  Traces traces;
  for (Index j = 0; j < s; ++j)
    for (Index i = 0; i < s; ++i) {
      const double rest = (i == j ? 1.0 : 0.0) - product(i, j);
      if (i == j) traces.first += rest;
      traces.second += rest * rest;
    }
  return traces;
}

}  // namespace overprune::theory
