#include "theory/lasso_draws.hpp"

#include <algorithm>
#include <cmath>

#include "overprune/random.hpp"
#include "theory/model_draws.hpp"

namespace overprune::theory {

void CovarianceColumns::column(Index j, Index k, double* out) {
  if (problem_.diagonal()) {
    std::fill_n(out, k, 0.0);
    out[j] = problem_.variances()(j);
    return;
  }
  const ConstMatrix sigma = problem_.covariance();
  std::copy_n(&sigma(0, j), k, out);
}

void LassoDraw::set_linear(double scale) {
  const Index k = basis_.features();
  linear_.resize(k);
  for (Index j = 0; j < k; ++j) linear_[j] = basis_.cross()(j, 0) + sign_ * scale * noise_[j];
}

void LassoDraw::start(const double* noise, double sign, double scale, double tau, Index capacity) {
  noise_ = noise;
  sign_ = sign;
  tau_ = tau;
  set_linear(scale);
  walk_.start(columns_, linear_, {}, tau, capacity);
}

void LassoDraw::move(double penalty, double scale, double tau) {
  if (tau != tau_) walk_.change_ridge(tau);
  tau_ = tau;
  set_linear(scale);
  walk_.move(linear_, penalty);
}

LassoMeans LassoDraw::means() const {
  const Indices& support = walk_.support();
  const Index s = static_cast<Index>(support.size());
  LassoMeans found{static_cast<double>(s), basis_.energy()(0, 0), static_cast<double>(s)};
  for (Index i = 0; i < s; ++i) {
    const Index j = support[i];  // (Sigma theta)_j = linear less gradient
    found.error +=
        walk_.coefficients()[i] * (linear_[j] - walk_.gradient()[j] - 2.0 * basis_.cross()(j, 0));
  }
  found.error = std::max(found.error, 0.0);
  if (tau_ == 0.0 || s == 0) return found;
  const Block inverse = inverse_.block(s, s);
  fill(inverse, 0.0);
  for (Index i = 0; i < s; ++i) inverse(i, i) = 1.0;
  walk_.solve(inverse);
  found.trace -= tau_ * trace(inverse);
  return found;
}

double LassoDraw::shift() const {
  const ConstMatrix beta = basis_.problem().beta();
  double sum = 0.0;
  for (Index j = 0; j < basis_.features(); ++j) sum += beta(j, 0) * walk_.gradient()[j];
  return sum;
}

void lasso_noise(const WhiteBasis& basis, std::uint64_t seed, Index pair, double* out) {
  Buffer space, rotated;
  const Block h = space.block(basis.rank(), 1);
  draw_pair(basis, seed, static_cast<std::uint64_t>(pair), true, h);
  basis.root().apply(basis.coordinates(h, rotated), {out, basis.features(), 1, basis.features()});
}

}  // namespace overprune::theory
