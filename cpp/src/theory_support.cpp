#include "theory_support.hpp"

#include <algorithm>
#include <cmath>

#include "check.hpp"
#include "covariance.hpp"
#include "kernels/table.hpp"

namespace overprune::theory {

void SupportForms::start(const Indices& order, const Indices& nonzeros) {
  order_.assign(order.begin(), order.begin() + nonzeros.back());
  if (basis_.diagonal()) return;
  sigma_ = sigma_buffer_.block(nonzeros.back(), nonzeros.back());
  basis_.principal_block(order_, sigma_);
}

double SupportForms::excess_risk(Index s, ConstBlock x) {
  double risk = 0.0;
  for (Index t = 0; t < x.cols; ++t) {
    risk += basis_.energy()(t, t);
    for (Index i = 0; i < s; ++i) risk -= 2.0 * x(i, t) * basis_.cross()(order_[i], t);
  }
  if (basis_.diagonal()) {
    for (Index t = 0; t < x.cols; ++t)
      for (Index i = 0; i < s; ++i) {
        const double scaled = x(i, t) * basis_.root_variances()[order_[i]];
        risk += scaled * scaled;
      }
  } else {
    const Block image = image_.block(s, x.cols);
    kernels::active().gemm(false, false, s, x.cols, s, 1.0, sigma_.data, sigma_.ld, x.data, x.ld, 0.0,
                           image.data, image.ld);
    for (Index t = 0; t < x.cols; ++t)
      for (Index i = 0; i < s; ++i) risk += x(i, t) * image(i, t);
  }
  return std::max(risk, 0.0);
}

bool SupportForms::factorize(Index s, ConstBlock y) {
  const Block triangle = factor_.block(s, s);
  copy(BlockOf<const double>{sigma_.data, s, s, sigma_.ld}, triangle);
  if (!definite_cholesky(triangle)) return false;
  solved_ = solved_buffer_.block(s, y.cols);
  copy(y.top(s), solved_);
  kernels::active().solve_triangular(true, false, s, y.cols, triangle.data, triangle.ld, solved_.data,
                                     solved_.ld);
  return true;
}

/// G = Y'Sigma_SS^+ Y by the eigenvectors; returns the rank.
Index SupportForms::project_singular(Index s, ConstBlock y, Block form) {
  std::vector<double> values(s);
  const Block rows = rotated_.block(s, y.cols);
  if (basis_.diagonal()) {
    for (Index i = 0; i < s; ++i) values[i] = basis_.problem().variances()(order_[i]);
    copy(y.top(s), rows);
  } else {
    const Block vectors = factor_.block(s, s);
    copy(ConstBlock{sigma_.data, s, s, sigma_.ld}, vectors);
    if (!kernels::active().symmetric_eigen(s, vectors.data, vectors.ld, values.data()))
      check::fail("covariance has no eigendecomposition that converges");
    kernels::active().gemm(true, false, s, y.cols, s, 1.0, vectors.data, vectors.ld, y.data, y.ld, 0.0,
                           rows.data, rows.ld);
  }
  const double zero = basis_.diagonal() ? 0.0 : covariance_rounding(basis_.features()) * values.back();
  Index rank = 0;
  for (Index i = 0; i < s; ++i) {
    const bool positive = values[i] > zero;
    rank += positive;
    for (Index c = 0; c < y.cols; ++c) rows(i, c) *= positive ? 1.0 / std::sqrt(values[i]) : 0.0;
  }
  gram_of_rows(rows, form);
  return rank;
}

void SupportForms::gram_of_rows(ConstBlock rows, Block form) {
  kernels::active().gemm(true, false, rows.cols, rows.cols, rows.rows, 1.0, rows.data, rows.ld, rows.data,
                         rows.ld, 0.0, form.data, form.ld);
}

const SupportForms::Reduced& SupportForms::reduce(Index s, ConstBlock y) {
  std::vector<double> values(s);
  reduced_.diagonal.resize(s);
  reduced_.off.assign(s, 0.0);
  reduced_.rotated = rotated_.block(s, y.cols);
  copy(y.top(s), reduced_.rotated);
  double zero = 0.0;
  if (basis_.diagonal()) {
    for (Index i = 0; i < s; ++i) reduced_.diagonal[i] = values[i] = basis_.problem().variances()(order_[i]);
  } else {
    const Block matrix = factor_.block(s, s);
    copy(ConstBlock{sigma_.data, s, s, sigma_.ld}, matrix);
    if (!kernels::active().tridiagonalize(s, matrix.data, matrix.ld, reduced_.diagonal.data(),
                                          reduced_.off.data(), values.data(), y.cols, reduced_.rotated.data,
                                          reduced_.rotated.ld))
      check::fail("covariance has no eigendecomposition that converges");
    zero = covariance_rounding(basis_.features()) * std::max(values.back(), 0.0);
  }
  reduced_.values.clear();
  for (const double value : values)
    if (value > zero) reduced_.values.push_back(value);
  return reduced_;
}

void SupportForms::regularised_forms(double tau2, Block G, Block K) {
  const ConstBlock y = reduced_.rotated;
  const Index s = y.rows, c = y.cols;
  const Block x = regularised_.block(s, c);
  copy(y, x);
  // (T + tau2) x = y by the LDL' factors of T + tau2, which is definite.
  std::vector<double> pivot(s), ratio(s, 0.0);
  for (Index i = 0; i < s; ++i) {
    pivot[i] = reduced_.diagonal[i] + tau2;
    if (i == 0) continue;
    ratio[i] = reduced_.off[i - 1] / pivot[i - 1];
    pivot[i] -= ratio[i] * reduced_.off[i - 1];
  }
  for (Index j = 0; j < c; ++j) {
    for (Index i = 1; i < s; ++i) x(i, j) -= ratio[i] * x(i - 1, j);
    for (Index i = s; i-- > 0;) x(i, j) = x(i, j) / pivot[i] - (i + 1 < s ? ratio[i + 1] * x(i + 1, j) : 0.0);
  }
  const auto& kernel = kernels::active();
  kernel.gemm(true, false, c, c, s, 1.0, y.data, y.ld, x.data, x.ld, 0.0, G.data, G.ld);
  kernel.gemm(true, false, c, c, s, -tau2, x.data, x.ld, x.data, x.ld, 0.0, K.data, K.ld);
  for (Index j = 0; j < c; ++j)
    for (Index i = 0; i < c; ++i) K(i, j) += G(i, j);  // Q^2 = Q - tau2 F_S'(Sigma_SS + tau2)^{-2} F_S
}

Traces regularised_traces(const std::vector<double>& values, double tau2) {
  Traces traces;
  for (const double mu : values) {
    const double g = mu / (mu + tau2);
    traces.first += g;
    traces.second += g * g;
  }
  return traces;
}

}  // namespace overprune::theory
