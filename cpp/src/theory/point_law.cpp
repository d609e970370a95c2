#include "theory/point_law.hpp"

#include <algorithm>
#include <cmath>

#include "base/check.hpp"
#include "kernels/table.hpp"
#include "problem/covariance.hpp"

namespace overprune::theory {
namespace {

constexpr Index kSupports = 4;       // over which the memory of random supports is averaged
constexpr double kRounding = 1e-12;  // of the residual's covariance, relative to Omega2

/// root (m, m) with root root' = matrix, what is below `least` in it set to zero: Monte Carlo
/// errors may make it negative, rounding positive.
OwnedMatrix clipped_root(OwnedMatrix matrix, double least) {
  const Index m = matrix.rows();
  std::vector<double> values(m);
  kernels::active().symmetric_eigen(m, matrix.begin(), m, values.data());
  for (Index j = 0; j < m; ++j)
    for (Index i = 0; i < m; ++i) matrix(i, j) *= values[j] > least ? std::sqrt(values[j]) : 0.0;
  return matrix;
}

/// rho of supports that do not depend on the noise, for which C = 0:
/// Omega rho (1 - E tr(A Q) / n) = N + u'D (I - E Q) u, with A = I - D.
OwnedMatrix independent_memory(const WhiteBasis& basis, const MatrixLaw& law, double n,
                               const std::vector<Indices>& supports, double tau2) {
  const Index m = basis.targets();
  const OwnedMatrix image = basis.root().apply(scaled_rows(law.d, basis.signal()));  // F D u
  OwnedMatrix target(basis.noise());
  target.add(1.0, law.shift);
  double share = 1.0;
  const double weight = 1.0 / static_cast<double>(supports.size());
  for (const Indices& support : supports) {
    const Index s = static_cast<Index>(support.size());
    OwnedMatrix right(s, m + s), solved(s, m + s), sigma(s, s);
    for (Index t = 0; t < m; ++t)
      for (Index i = 0; i < s; ++i) right(i, t) = basis.cross()(support[i], t);
    basis.root().gram(support, law.a, right.block().columns(m, s));
    basis.principal_block(support, sigma);
    for (Index i = 0; i < s; ++i) sigma(i, i) += tau2;
    solve_covariance(sigma, right, solved);
    for (Index i = 0; i < s; ++i) {
      share -= weight * solved(i, m + i) / n;
      for (Index b = 0; b < m; ++b)
        for (Index a = 0; a < m; ++a) target(a, b) -= weight * image(support[i], a) * solved(i, b);
    }
  }
  OwnedMatrix rho(m, m);
  solve_covariance(law.omega, target, rho);
  for (double& value : rho) value /= share;
  return rho;
}

}  // namespace

PointLaw::PointLaw(const WhiteBasis& basis, const SizeStudy& study, double n, const Grid& grid,
                   Rule rule, Index s, std::uint64_t seed)
    : basis_(basis),
      rule_(rule),
      s_(s),
      retrain_(grid.retrain),
      support_(known_support(basis, study.law(), rule, s)) {
  fixed_ = !support_.empty();
  if (!retrain_) return;
  find_second_stage(study, n, grid, seed);
  if (finite()) find_residual(study.law().omega, n);
}

void PointLaw::find_second_stage(const SizeStudy& study, double n, const Grid& grid,
                                 std::uint64_t seed) {
  const MatrixLaw& law = study.law();
  std::vector<Indices> supports;
  if (fixed_) {
    const double ridge = grid.retrain_ridge;
    const FirstStage second(basis_.problem().restrict(support_), n, ridge, ridge);
    second_.tau = second.law.tau;
    second_.risk = second.law.risk;
    if (second.law.finite) second_.omega = second.law.omega;
    supports = {support_};
  } else {
    const std::vector<Point>& points = study.points();
    const auto point = std::find_if(points.begin(), points.end(), [this](const Point& one) {
      return one.rule == rule_ && one.s == s_;
    });
    if (point == points.end()) return;  // its retrained risk diverges, and takes no draws
    second_ = study.second_stage(static_cast<std::size_t>(point - points.begin()));
    ModelDraws draws(basis_, law, n, seed);
    for (Index pair = 0; traits(rule_).needs_seed && pair < kSupports; ++pair) {
      draws.batch(pair, 1);
      draws.select(0, 1.0);
      supports.push_back(draws.order(rule_, s_));
    }
  }
  if (finite() && law.finite && law.risk > 0.0 && !supports.empty())
    second_.rho = independent_memory(basis_, law, n, supports, second_.tau);
  for (const double one : second_.rho)
    if (!std::isfinite(one))
      check::out_of_range("retrained model", static_cast<double>(basis_.features()));
}

/// P = [I; rho; -C], and the covariance (Omega2 - rho'Omega rho) / n of what the second residual
/// adds.
void PointLaw::find_residual(const OwnedMatrix& omega, double n) {
  const Index m = basis_.targets();
  c_ = second_.rho.empty() ? m : 3 * m;
  mixing_ = second_.mixing(c_, m);
  residual_ = second_.omega;
  if (c_ > m) multiply(transposed(second_.rho), product(omega, second_.rho), residual_, -1.0, 1.0);
  for (double& entry : residual_) entry /= n;
  root_ = clipped_root(residual_, kRounding * second_.risk / n);
  multiply(root_, transposed(root_), residual_);
}

void PointLaw::prepare(ModelDraws& draws) {
  const Index m = basis_.targets();
  select(draws);
  if (!retrain_) return;
  const Block all = right_buffer_.block(s_, m + s_);
  right_ = all.columns(0, m);
  factor_ = all.columns(m, s_);
  sigma_ = sigma_buffer_.block(s_, s_);
  retrained_ = retrained_buffer_.block(s_, m);
  multiply(draws.images(support_, s_, c_ > m, {basis_.cross()}), mixing_, right_);
  basis_.principal_block(support_, sigma_);
  copy(sigma_, factor_);
  factorize_covariance(factor_);
  for (Index i = 0; i < s_; ++i) sigma_(i, i) += second_.tau;
}

/// (Sigma_SS + tau2)^{-1} F_S (u + e rho - w C + e_new).
void PointLaw::draw(ModelDraws& draws) {
  prepare(draws);
  if (!retrain_) return;
  const Index m = basis_.targets();
  const ConstBlock fresh{draws.fresh_normals(s_ * m), s_, m, s_};
  const Block noise = fresh_.block(s_, m);
  multiply(fresh, transposed(root_), noise);
  multiply(factor_, noise, right_, 1.0, 1.0);
  solve_covariance(sigma_, right_, retrained_);
}

void PointLaw::draw_mean(ModelDraws& draws) {
  prepare(draws);
  if (!retrain_) return;
  const Index m = basis_.targets();
  const Block solved = solved_.block(s_, m + s_);
  solve_covariance(sigma_, {right_.data, s_, m + s_, right_.ld}, solved);
  copy(solved.columns(0, m), retrained_);
  spread_.assign(s_, 0.0);
  for (Index j = 0; j < s_; ++j)
    for (Index i = 0; i < s_; ++i) spread_[i] += solved(i, m + j) * solved(i, m + j);
}

}  // namespace overprune::theory
