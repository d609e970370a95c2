#include "theory/matrix_law.hpp"

#include <cmath>
#include <stdexcept>

#include "base/check.hpp"
#include "base/pace.hpp"
#include "problem/covariance.hpp"
#include "theory/dense_law.hpp"

namespace overprune::theory {

MatrixLaw::MatrixLaw(const WhiteBasis& basis, double n, double ridge) {
  const Index r = basis.rank();
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
  error = weighted_gram(basis.signal(), d2, basis.signal());
  shift = weighted_gram(basis.signal(), d, basis.signal());
  error.add(1.0, basis.noise());
  const double sum = trace(error);
  risk = inflate(sum, share);
  if (!std::isfinite(sum) || std::isnan(risk))
    check::out_of_range("risk", static_cast<double>(basis.features()));
  finite = std::isfinite(risk);
  omega = error;
  if (finite && risk > 0.0)
    for (double& entry : omega) entry /= share;
  root = omega;
  factorize_covariance(root);
  solver = basis.solver(tau);
  mean = solver.apply(basis.signal());
}

FirstStage::FirstStage(LinearGaussianProblem whole, double samples, double ridge,
                       double largest_ridge)
    : problem(std::move(whole)),
      n(samples),
      basis(problem, may_shrink(problem, samples, largest_ridge)),
      law(basis, samples, ridge) {}

}  // namespace overprune::theory
