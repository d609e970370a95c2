#include "theory/fixed_support.hpp"

#include <cmath>
#include <limits>
#include <numeric>

#include "problem/covariance.hpp"
#include "theory/model_draws.hpp"

namespace overprune::theory {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

/// Pruned risk of a fixed support: the mean model's, and what its spread adds.
double pruned_risk(const WhiteBasis& basis, const MatrixLaw& law, double n, const Indices& support,
                   SupportForms& forms, const Remainder& remainder) {
  const Index s = static_cast<Index>(support.size()), m = basis.targets();
  OwnedMatrix kept(s, m);
  for (Index t = 0; t < m; ++t)
    for (Index i = 0; i < s; ++i) kept(i, t) = remainder.mean()(support[i], t);
  double spread = 0.0;
  if (basis.diagonal()) {
    const std::vector<double> variance = law.solver.square_rows();
    for (const Index i : support) spread += basis.problem().variances()(i) * variance[i];
  } else {
    OwnedMatrix sigma(s, s), covariance(s, s);
    basis.principal_block(support, sigma);
    law.solver.gram(support, std::vector<double>(basis.rank(), 1.0), covariance);
    for (Index j = 0; j < s; ++j)
      for (Index i = 0; i < s; ++i) spread += sigma(i, j) * covariance(i, j);
  }
  return trace(basis.noise()) + forms.excess_risk(s, kept, remainder) + law.risk / n * spread;
}

/// Risk of the survivors Sigma_SS^{-1} (Sigma theta)_S, whose mean and spread are known; correlated
/// features.
double compensated_risk(const WhiteBasis& basis, const MatrixLaw& law, double n,
                        const Indices& support, SupportForms& forms, const Remainder& remainder) {
  const Index s = static_cast<Index>(support.size()), m = basis.targets();
  // F_S' of the survivors is the projection of F'theta, whose mean without what is kept is u' - D
  // u.
  OwnedMatrix mean(remainder.signal());
  mean.add(-1.0, scaled_rows(law.d, basis.signal()));
  std::vector<double> squares;
  for (const double a : law.a) squares.push_back(a * a);
  const OwnedMatrix image = basis.root().apply(mean);
  OwnedMatrix right(s, m + s), solved(s, m + s), sigma(s, s);
  for (Index t = 0; t < m; ++t)
    for (Index i = 0; i < s; ++i) right(i, t) = image(support[i], t);
  basis.root().gram(support, squares, right.block().columns(m, s));
  basis.principal_block(support, sigma);
  solve_covariance(sigma, right, solved);
  double spread = 0.0;
  for (Index i = 0; i < s; ++i) spread += solved(i, m + i);
  return trace(basis.noise()) + forms.excess_risk(s, solved.block().columns(0, m), remainder) +
         law.risk / n * spread;
}

}  // namespace

Indices known_support(const WhiteBasis& basis, const MatrixLaw& law, Rule rule, Index s) {
  const Index k = basis.features();
  if (s == k) {
    Indices all(k);
    std::iota(all.begin(), all.end(), Index{0});
    return all;
  }
  std::vector<double> scores(k);
  if (traits(rule).needs_truth)
    basis.problem().oracle_scores(k, scores.data());
  else if (traits(rule).scores_coefficients && basis.diagonal() && s >= basis.rank())
    for (Index i = 0; i < k; ++i) scores[i] = basis.root_variances()[i] > 0.0 ? 1.0 : 0.0;
  else if (traits(rule).scores_coefficients &&
           law.risk == 0.0)  // without noise the survivors are certain
    basis.score(rule, law.mean, vector_view(scores));
  else
    return {};
  return model_order(vector_view(scores), s);
}

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
    const double ridge = grid.retrain_ridge;
    risks.retrained.value = FirstStage(basis.problem().restrict(support), n, ridge, ridge).law.risk;
  }
  return risks;
}

double expected_random(const WhiteBasis& basis, const MatrixLaw& law, double n, Index s) {
  const Index k = basis.features(), r = basis.rank(), m = basis.targets();
  const double one = static_cast<double>(s) / static_cast<double>(k);
  const double two = k > 1 ? one * static_cast<double>(s - 1) / static_cast<double>(k - 1) : one;
  const double spread = law.risk / n;
  double risk = trace(basis.noise()), together = 0.0, apart = 0.0;
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
