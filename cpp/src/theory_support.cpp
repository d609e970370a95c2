#include "theory_support.hpp"

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

Index SupportForms::project_singular(Index s, ConstBlock y, Block form) {
  const Spectral& spectral = decompose(s, y);
  const Block rows = spectral.rotated;
  for (Index c = 0; c < rows.cols; ++c)
    for (Index i = 0; i < rows.rows; ++i) rows(i, c) /= std::sqrt(spectral.values[i]);
  gram_of_rows(rows, form);
  return rows.rows;
}

void SupportForms::gram_of_rows(ConstBlock rows, Block form) {
  kernels::active().gemm(true, false, rows.cols, rows.cols, rows.rows, 1.0, rows.data, rows.ld, rows.data,
                         rows.ld, 0.0, form.data, form.ld);
}

const SupportForms::Spectral& SupportForms::decompose(Index s, ConstBlock y) {
  if (basis_.diagonal()) {
    const Block rotated = rotated_.block(s, y.cols);
    spectral_.values.clear();
    for (Index i = 0; i < s; ++i) {
      const double variance = basis_.problem().variances()(order_[i]);
      if (variance == 0.0) continue;
      for (Index c = 0; c < y.cols; ++c) rotated(static_cast<Index>(spectral_.values.size()), c) = y(i, c);
      spectral_.values.push_back(variance);
    }
    spectral_.rotated = rotated.top(static_cast<Index>(spectral_.values.size()));
    return spectral_;
  }
  const Block vectors = factor_.block(s, s);
  copy(BlockOf<const double>{sigma_.data, s, s, sigma_.ld}, vectors);
  std::vector<double> values(s);
  if (!kernels::active().symmetric_eigen(s, vectors.data, vectors.ld, values.data()))
    check::fail("covariance has no eigendecomposition that converges");
  const double rounding = covariance_rounding(basis_.features()) * std::max(values.back(), 0.0);
  Index first = 0;
  while (first < s && !(values[first] > rounding)) ++first;
  spectral_.values.assign(values.begin() + first, values.end());
  spectral_.rotated = rotated_.block(s - first, y.cols);
  kernels::active().gemm(true, false, s - first, y.cols, s, 1.0, vectors.col(first), vectors.ld, y.data, y.ld,
                         0.0, spectral_.rotated.data, spectral_.rotated.ld);
  return spectral_;
}

void regularised_forms(const SupportForms::Spectral& spectral, double tau2, Block G, Block K) {
  const ConstBlock y = spectral.rotated;
  for (Index c = 0; c < y.cols; ++c)
    for (Index b = 0; b <= c; ++b) {
      double first = 0.0, second = 0.0;
      for (Index i = 0; i < y.rows; ++i) {
        const double mu = spectral.values[i], term = y(i, b) * y(i, c) / (mu + tau2);
        first += term;
        second += term * (mu / (mu + tau2));
      }
      G(b, c) = G(c, b) = first;
      K(b, c) = K(c, b) = second;
    }
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
