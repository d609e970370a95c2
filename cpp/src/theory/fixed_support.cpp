#include "theory/fixed_support.hpp"

#include <cmath>
#include <limits>

#include "problem/covariance.hpp"

namespace overprune::theory {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

}  // namespace

double noise_trace(const WhiteBasis& basis) {
  double trace = 0.0;
  for (Index t = 0; t < basis.targets(); ++t) trace += basis.noise()(t, t);
  return trace;
}

namespace {

/// Pruned risk of a fixed support: the mean model's, and what its spread adds.
double pruned_risk(const WhiteBasis& basis, const MatrixLaw& law, double n, const Indices& support,
                   SupportForms& forms, const Remainder& remainder) {
  const Index s = static_cast<Index>(support.size()), m = basis.targets();
  Buffer buffer;
  const Block kept = buffer.block(s, m);
  for (Index t = 0; t < m; ++t)
    for (Index i = 0; i < s; ++i) kept(i, t) = remainder.mean()(support[i], t);
  double spread = 0.0;
  if (basis.diagonal()) {
    const std::vector<double> variance = law.solver.square_rows();
    for (const Index i : support) spread += basis.problem().variances()(i) * variance[i];
  } else {
    Buffer sigma_buffer, spread_buffer;
    const Block sigma = sigma_buffer.block(s, s), covariance = spread_buffer.block(s, s);
    basis.principal_block(support, sigma);
    law.solver.gram(support, std::vector<double>(basis.rank(), 1.0), covariance);
    for (Index j = 0; j < s; ++j)
      for (Index i = 0; i < s; ++i) spread += sigma(i, j) * covariance(i, j);
  }
  return noise_trace(basis) + forms.excess_risk(s, kept, remainder) + law.risk / n * spread;
}

/// Risk of the survivors Sigma_SS^{-1} (Sigma theta)_S, whose mean and spread are known; correlated
/// features.
double compensated_risk(const WhiteBasis& basis, const MatrixLaw& law, double n,
                        const Indices& support, SupportForms& forms, const Remainder& remainder) {
  const Index s = static_cast<Index>(support.size()), m = basis.targets(), r = basis.rank();
  Buffer buffers[6];
  // F_S' of the survivors is the projection of F'theta, whose mean without what is kept is u' - D
  // u.
  const Block mean = buffers[0].block(r, m), image = buffers[1].block(basis.features(), m);
  std::vector<double> squares(r);
  for (Index j = 0; j < r; ++j) {
    squares[j] = law.a[j] * law.a[j];
    for (Index t = 0; t < m; ++t)
      mean(j, t) = remainder.signal()(j, t) - law.d[j] * basis.signal()(j, t);
  }
  basis.root().apply(mean, image);
  const Block right = buffers[2].block(s, m + s), solved = buffers[3].block(s, m + s),
              sigma = buffers[4].block(s, s);
  for (Index t = 0; t < m; ++t)
    for (Index i = 0; i < s; ++i) right(i, t) = image(support[i], t);
  basis.root().gram(support, squares, right.columns(m, s));
  basis.principal_block(support, sigma);
  solve_covariance(sigma, right, solved);
  double spread = 0.0;
  for (Index i = 0; i < s; ++i) spread += solved(i, m + i);
  return noise_trace(basis) + forms.excess_risk(s, solved.columns(0, m), remainder) +
         law.risk / n * spread;
}

}  // namespace

Risks fixed_support(const WhiteBasis& basis, const MatrixLaw& law, double n, const Grid& grid,
                    bool compensate, const Indices& support) {
  Risks risks{{kInfinity, 0.0}, {kNaN, 0.0}, {kInfinity, 0.0}};
  SupportForms forms(basis);
  forms.start(support, {static_cast<Index>(support.size())});
  if (law.finite) {
    const Remainder remainder(basis, law, support);
    risks.pruned.value = pruned_risk(basis, law, n, support, forms, remainder);
    risks.compensated.value = basis.diagonal() || !compensate
                                  ? risks.pruned.value
                                  : compensated_risk(basis, law, n, support, forms, remainder);
  }
  if (grid.retrain) {
    const LinearGaussianProblem part = basis.problem().restrict(support);
    const WhiteBasis own(part, may_shrink(part, n, grid.retrain_ridge));
    risks.retrained.value = MatrixLaw(own, n, grid.retrain_ridge).risk;
  }
  return risks;
}

double expected_random(const WhiteBasis& basis, const MatrixLaw& law, double n, Index s) {
  const Index k = basis.features(), r = basis.rank(), m = basis.targets();
  const double one = static_cast<double>(s) / static_cast<double>(k);
  const double two = k > 1 ? one * static_cast<double>(s - 1) / static_cast<double>(k - 1) : one;
  const double spread = law.risk / n;
  double risk = noise_trace(basis), together = 0.0, apart = 0.0;
  for (Index j = 0; j < r; ++j) {
    const double a = law.a[j];
    together += spread * a * a;
    for (Index t = 0; t < m; ++t) {
      const double u = basis.signal()(j, t);
      together += a * a * u * u;
      risk += u * u - 2.0 * one * a * u * u;
    }
  }
  const std::vector<double> variance = law.solver.square_rows();
  for (Index i = 0; i < k; ++i) {
    double square = spread * variance[i];
    for (Index t = 0; t < m; ++t) square += law.mean(i, t) * law.mean(i, t);
    apart += basis.problem().variances()(i) * square;
  }
  return risk + two * together + (one - two) * apart;
}

}  // namespace overprune::theory
