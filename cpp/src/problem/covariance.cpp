#include "problem/covariance.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/check.hpp"
#include "base/pace.hpp"
#include "kernels/table.hpp"
#include "problem/covariance_root.hpp"

namespace overprune {
namespace {
constexpr double kLeast = std::numeric_limits<double>::denorm_min();
}

bool definite_cholesky(Block sigma) {
  std::vector<double> variances(sigma.cols);
  for (Index j = 0; j < sigma.cols; ++j) variances[j] = sigma(j, j);
  if (!kernels::active().cholesky(sigma.rows, sigma.data, sigma.ld)) return false;
  for (Index j = 0; j < sigma.cols; ++j)
    if (!(sigma(j, j) * sigma(j, j) > covariance_rounding(sigma.rows) * variances[j])) return false;
  return true;
}

std::vector<double> principal_block(ConstMatrix sigma, const Indices& features) {
  std::vector<double> block;
  block.reserve(features.size() * features.size());
  Pace pace;
  for (const Index j : features) {
    for (const Index i : features) block.push_back(sigma(i, j));
    pace(static_cast<Index>(features.size()));
  }
  return block;
}

double covariance_rounding(Index p) {
  return std::numeric_limits<double>::epsilon() * static_cast<double>(std::max<Index>(p, 8));
}

bool factorize_covariance(Block sigma, const char* name) {
  const Index p = sigma.rows;
  Buffer copy_buffer;
  const Block original = copy_buffer.block(p, p);
  copy(sigma, original);
  if (definite_cholesky(sigma)) {
    for (Index j = 1; j < p; ++j) std::fill_n(sigma.col(j), j, 0.0);
    return true;
  }
  // The eigenvalues of the correlations, likewise free of the features' scales.
  std::vector<double> values(p), scales(p);
  for (Index j = 0; j < p; ++j) scales[j] = original(j, j) > 0.0 ? std::sqrt(original(j, j)) : 1.0;
  for (Index j = 0; j < p; ++j)
    for (Index i = 0; i < p; ++i) sigma(i, j) = original(i, j) / scales[i] / scales[j];
  if (!kernels::active().symmetric_eigen(p, sigma.data, sigma.ld, values.data()))
    check::fail(name, " has no eigendecomposition that converges");
  const double largest = std::max(values.back(), 0.0);
  double rounding = 1e-10;  // of entries below the normal numbers more
  for (Index j = 0; j < p; ++j)
    if (const double own = original(j, j); own > 0.0)
      rounding = std::max(rounding, 32.0 * static_cast<double>(p) * kLeast / own);
  if (values.front() < -rounding * largest || values.back() < 0.0)
    check::fail(name, " must be positive semidefinite, got an eigenvalue of ", values.front(),
                " among its correlations");
  for (Index j = 0; j < p; ++j) {
    const double root = values[j] > covariance_rounding(p) * largest ? std::sqrt(values[j]) : 0.0;
    for (Index i = 0; i < p; ++i) sigma(i, j) *= root * scales[i];
  }
  return false;
}

void solve_covariance(ConstBlock sigma, ConstBlock rhs, Block solution) {
  Buffer buffer;
  const Block triangle = buffer.block(sigma.rows, sigma.cols);
  copy(sigma, triangle);
  CovarianceRoot root;
  root.factor(triangle);
  copy(rhs, solution);
  root.solve(solution);
}

}  // namespace overprune
